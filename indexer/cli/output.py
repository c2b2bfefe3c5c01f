"""Results on stdout: tables and facts for people, JSON for machines."""

import json
import os
import shutil
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from indexer.runtime.terminal import echo, printable, printable_json

_GAP: Final = "  "  # between columns
_INDENT: Final = "    "  # of a cell that has a line of its own
_LONG: Final = 24  # columns from which a cell is worth a line of its own


def print_json(value: Any) -> None:
    """Print a result (dataclasses, paths, dates and all) as indented JSON; bytes in hexadecimal."""
    from pydantic_core import to_jsonable_python

    plain = to_jsonable_python(value, bytes_mode="hex")
    print(printable_json(json.dumps(plain, indent=2, ensure_ascii=False)), flush=True)  # noqa: T201


def shorten_path(path: str | None) -> str | None:
    """Write a path below the working folder relative to it."""
    here = f"{Path.cwd()}{os.sep}"
    return path.removeprefix(here) if path else path


def counted(count: int, one: str, several: str) -> str:
    """Write a number with what it counts, in the singular or the plural."""
    return f"{count:,} {one if count == 1 else several}"


def terminal_width() -> int | None:
    """Return the columns of the terminal that results go to; None for a file or a pipe."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def print_facts(title: str | None, facts: Iterable[tuple[str, object]], indent: int = 0) -> None:
    """Print named values, a line each, those that are empty left out, under a title if any."""
    _print_title(title)
    told = [(name, text) for name, value in facts if (text := _text(value))]
    widest = max((_width(name) for name, _ in told), default=0)
    for name, text in told:
        echo(f"{' ' * indent}{name}{' ' * (widest - _width(name))}{_GAP}{text}")


def print_table(
    title: str | None, columns: Sequence[str], rows: Iterable[Sequence[object]]
) -> None:
    """Print rows, under a title if there is one; no cell is ever cut or wrapped.

    On a terminal too narrow for the table, a long last column, such as a path, gets a line of its
    own below each row. Where that is not enough, each row becomes a block.
    """
    rows = list(rows)
    texts = [[_text(cell) for cell in row] for row in rows]
    room = terminal_width()
    widths = [max(map(_width, column)) for column in zip(columns, *texts, strict=True)]
    _print_title(title if texts else f"{title}: none" if title else None)
    if not texts:
        return
    if room is None or _total(widths) <= room:
        _print_lines(columns, texts, widths, _numeric(rows))
    elif _total(widths[:-1]) <= room and widths[-1] >= _LONG:
        below = [row[-1] for row in texts]
        _print_lines(columns[:-1], texts, widths[:-1], _numeric(rows), [columns[-1], *below])
    else:
        for number, row in enumerate(texts):
            if number:
                echo()
            print_facts(None, zip(columns, row, strict=True))


def _print_title(title: str | None) -> None:
    if title:
        echo(title)


def _print_lines(
    columns: Sequence[str],
    texts: Sequence[Sequence[str]],
    widths: Sequence[int],
    numeric: Sequence[bool],
    below: Sequence[str] = (),
) -> None:
    """Print a line for each row, with numbers to the right; `below` follows head and rows."""
    for place, row in enumerate([columns, *texts]):
        echo(_line(row, widths, numeric))
        if below and below[place]:
            echo(f"{_INDENT}{below[place]}")
        if not place:
            echo(_GAP.join("─" * width for width in widths))


def _line(cells: Sequence[str], widths: Sequence[int], numeric: Sequence[bool]) -> str:
    padded = (
        " " * (width - _width(cell)) + cell if to_the_right else cell + " " * (width - _width(cell))
        for cell, width, to_the_right in zip(cells, widths, numeric, strict=False)
    )
    return _GAP.join(padded).rstrip()


def _numeric(rows: Sequence[Sequence[object]]) -> list[bool]:
    """Tell which columns hold numbers alone."""
    return [
        any(cell is not None for cell in column)
        and all(cell is None or type(cell) in {int, float} for cell in column)
        for column in zip(*rows, strict=True)
    ]


def _text(cell: object) -> str:
    """Write a cell in one line; nothing for None."""
    if isinstance(cell, datetime):
        return f"{cell:%Y-%m-%d %H:%M}"
    if isinstance(cell, tuple):
        return ", ".join(map(_text, cell))
    return "" if cell is None else printable(str(cell))


def _width(text: str) -> int:
    """Count the columns that a text takes on a terminal."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + len(_GAP) * (len(widths) - 1)
