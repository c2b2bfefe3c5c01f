"""CSV lists with a header, as `tx dataset` writes them."""

import csv
from collections import deque
from collections.abc import Iterator
from typing import Final

from indexer.errors import UnreadableSource
from indexer.exchange.items import BadRow, Ignored, Item, ReadOptions
from indexer.exchange.list_rows import OF_ONE_KIND, VALUES, items_of
from indexer.exchange.list_streams import ListStream

_DELIMITERS: Final = ",;\t"
_NAMES: Final = {*VALUES, *OF_ONE_KIND, "external_id"}
_MOST_LINES: Final = 100  # of one row, whose quoted cells may hold line breaks
_UNFINISHED: Final = "unexpected end of data"  # csv's words for a quoted cell without an end
_OF_TX: Final = {"signal_type", "signal_str", "collab", "category", "tags"}
_NEGATIVE: Final = {"negative_class", "false_positive"}  # ThreatExchange's: not what it was thought

_Line = tuple[int, str | None]


def read_table(stream: ListStream, options: ReadOptions) -> Iterator[Item]:
    """Read the rows below a header; commas, semicolons or tabs may be between the cells.

    A row may be short of cells. A cell whose quotes do not close spoils its own line, and not those
    after it.

    Raises
    ------
    UnreadableSource
        No column of the header holds fingerprints.
    """
    lines = _Lines(stream)
    header, delimiter = _header(lines, options)
    read = _tx_items if set(header) >= _OF_TX else items_of
    while (first := lines.take()) is not None:
        number, line = first
        where = options.at(number)
        row = _row(lines, line, delimiter)
        items: list[Item]
        if isinstance(row, str):
            items = [BadRow(where, row)]
        elif len(row) > len(header):
            reason = f"the row has {len(row)} cells, the header has {len(header)}"
            items = [BadRow(where, reason)]
        elif row:
            items = list(read(dict(zip(header, row, strict=False)), where, options))
        else:
            continue
        if lines.spanned and any(isinstance(item, BadRow) and item.unread for item in items):
            lines.give_back()
            yield BadRow(where, "a quoted cell of the row has no end")
        else:
            yield from items


class _Lines:
    """The lines of a list, of which those after the first of a row can be given back."""

    def __init__(self, stream: ListStream) -> None:
        self._lines = stream.lines()
        self._ahead: deque[_Line] = deque()
        self._spanned: list[_Line] = []

    @property
    def spanned(self) -> bool:
        """Whether the row goes on behind its first line."""
        return bool(self._spanned)

    def take(self) -> _Line | None:
        """Return the first line of the next row; None at the end."""
        self._spanned.clear()
        return self._next()

    def extend(self) -> _Line | None:
        """Return one more line of the row; None where it can have no more."""
        if len(self._spanned) == _MOST_LINES or (line := self._next()) is None:
            return None
        self._spanned.append(line)
        return line

    def give_back(self) -> None:
        """Take the row to be of one line only: the others come again."""
        self._ahead.extendleft(reversed(self._spanned))
        self._spanned.clear()

    def _next(self) -> _Line | None:
        return self._ahead.popleft() if self._ahead else next(self._lines, None)


def _header(lines: _Lines, options: ReadOptions) -> tuple[list[str], str]:
    """Return the lower-case names of the columns, and what is between the cells."""
    line = ""
    while not line.strip() and (first := lines.take()) is not None:
        line = first[1] or ""
    for delimiter in _DELIMITERS:
        cells = _parse(line, delimiter)
        names = [] if isinstance(cells, str) else [cell.strip().lower() for cell in cells]
        if _NAMES & set(names):
            return names, delimiter
    raise UnreadableSource(
        f"The list {options.name} has no fingerprint column. Its first line must name the "
        f"columns, one of them {', '.join(VALUES)}, pdq, md5 or sha256; use --format text "
        "for a list without such a line."
    )


def _row(lines: _Lines, line: str | None, delimiter: str) -> list[str] | str:
    """Return the cells of the row that begins with a line; or what is wrong with that line."""
    if line is None:
        return "the line is too long"
    parsed = _parse(line, delimiter)
    while parsed == _UNFINISHED:
        more = lines.extend()
        if more is None or more[1] is None:
            lines.give_back()
            return "a quoted cell of the row has no end"
        line = f"{line}\n{more[1]}"
        if '"' in more[1]:
            parsed = _parse(line, delimiter)
    if isinstance(parsed, str) and lines.spanned:
        lines.give_back()
    return parsed


def _parse(text: str, delimiter: str) -> list[str] | str:
    """Return the cells of one row, or csv's words for what is wrong."""
    try:
        return next(csv.reader([text], delimiter=delimiter, strict=True), [])
    except csv.Error as error:
        return str(error)


def _tx_items(columns: dict[str, str], where: str, options: ReadOptions) -> Iterator[Item]:
    """Yield what a row of `tx dataset` lists: tags have blanks between them, a collab is a source.

    What was found not to be what it was thought is no entry of a list.
    """
    if columns.get("category", "").lower() in _NEGATIVE:
        return iter([Ignored("negative_class")])
    named = columns | {"tags": columns.get("tags", "").split(), "source": columns.get("collab")}
    return items_of(named, where, options)
