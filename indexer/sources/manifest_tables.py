"""Tables of manifests, row by row: CSV, JSON lines, Parquet, bare lists."""

import codecs
import csv
import json
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import PurePath
from typing import Any, BinaryIO, Final

from indexer.errors import UnreadableSource
from indexer.sources.manifest_rows import DETAIL_COLUMNS, URI_COLUMNS, Columns

_CHUNK: Final = 2**16
_LONGEST_LINE: Final = 2**20  # bytes
_BATCH: Final = 1_024  # rows of a Parquet row group held at a time
_KINDS: Final = {
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".manifest": "jsonl",  # as SageMaker Ground Truth calls it
    ".parquet": "parquet",
}


@dataclass(frozen=True, slots=True)
class UnreadableRow:
    """A row that cannot be read as columns."""

    reason: str


NumberedColumns = tuple[int, Columns | UnreadableRow]


def kind_of(name: str) -> str | None:
    """Return csv, jsonl or parquet for the name of a manifest; None for another file's."""
    return _KINDS.get(PurePath(name).suffix.lower())


def is_manifest(name: str) -> bool:
    """Tell whether a name is a manifest's: .csv, .jsonl, .ndjson, .manifest or .parquet."""
    return kind_of(name) is not None


def read_table(kind: str, file: BinaryIO) -> Generator[NumberedColumns, None, None]:
    """Read a manifest's rows, each with the number of its line (Parquet: of the row), from 1.

    Raises
    ------
    UnreadableSource
        No column names pictures, the file is damaged, or a package to read it is missing.
    """
    if kind == "parquet":
        return _parquet(file)
    return _csv(file) if kind == "csv" else _json_lines(file)


def read_list(file: BinaryIO) -> Generator[NumberedColumns, None, None]:
    """Read a list of paths and URLs: one a line, or NUL between them when the start holds a NUL.

    A line that is a JSON object counts as a manifest's row.
    """
    start = b""
    while b"\0" not in start and b"\n" not in start and (chunk := _read(file)):
        start += chunk
    if b"\0" in start:
        for number, name in enumerate(_split(file, b"\0", start), 1):
            if name:
                yield number, {"uri": _text(name)}
        return
    for number, line in enumerate(_split(file, b"\n", start), 1):
        name = line.removeprefix(codecs.BOM_UTF8) if number == 1 else line
        name = name.removesuffix(b"\r")
        if not name:
            continue
        row = _json_object(name) if name.startswith(b"{") else None
        yield number, {"uri": _text(name)} if row is None or isinstance(row, UnreadableRow) else row


def _json_lines(file: BinaryIO) -> Generator[NumberedColumns, None, None]:
    for number, line in enumerate(_split(file, b"\n"), 1):
        text = line.removeprefix(codecs.BOM_UTF8) if number == 1 else line
        if text.strip():
            yield number, _json_object(text)


def _json_object(line: bytes) -> Columns | UnreadableRow:
    if len(line) > _LONGEST_LINE:
        return UnreadableRow(f"the line has more than {_LONGEST_LINE:,} bytes")
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        return UnreadableRow(f"the line is no JSON ({error})")
    return row if isinstance(row, dict) else UnreadableRow("the line holds no JSON object")


def _csv(file: BinaryIO) -> Generator[NumberedColumns, None, None]:
    lines = _split(file, b"\n")
    first = next(lines, b"").removeprefix(codecs.BOM_UTF8)
    # one reader for all of it: a quoted column name, too, may hold a line break
    reader = csv.reader(f"{_text(line)}\n" for line in chain([first], lines))
    header = next(reader, [])
    _check_columns(header)
    while True:
        number = reader.line_num + 1  # where the row begins
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield number, UnreadableRow(f"the row is no CSV ({error})")
            continue
        if not cells:
            continue
        if len(cells) > len(header):
            yield (
                number,
                UnreadableRow(f"the row has {len(cells)} cells, the header has {len(header)}"),
            )
        else:
            yield number, dict(zip(header, cells, strict=False))


def _parquet(file: BinaryIO) -> Generator[NumberedColumns, None, None]:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        raise UnreadableSource(
            "A Parquet manifest needs pyarrow. pip install 'lookalike[parquet]'."
        ) from error
    try:
        table = parquet.ParquetFile(file)
    except (pa.ArrowException, OSError) as error:
        raise UnreadableSource(
            f"The manifest is not a valid Parquet file ({error}). Create it again."
        ) from error
    _check_columns(table.schema_arrow.names)
    named = {*URI_COLUMNS, *DETAIL_COLUMNS}
    columns = [  # pictures themselves are often a column of such tables: leave them on the disk
        field.name
        for field in table.schema_arrow
        if field.name in named or not _holds_bytes(field.type)
    ]
    number = 0
    for group in range(table.num_row_groups):
        end = number + table.metadata.row_group(group).num_rows
        try:
            for batch in table.iter_batches(_BATCH, row_groups=[group], columns=columns):
                for row in batch.to_pylist():
                    number += 1
                    yield number, row
        except (pa.ArrowException, OSError) as error:
            reason = f"the rows from here to {end} are damaged ({error})"
            yield number + 1, UnreadableRow(reason)
            number = end


def _holds_bytes(kind: Any) -> bool:
    import pyarrow as pa

    types = pa.types
    if types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind):
        return True
    return any(_holds_bytes(kind.field(i).type) for i in range(kind.num_fields))


def _check_columns(names: list[str]) -> None:
    if not set(names) & set(URI_COLUMNS):
        raise UnreadableSource(
            f"The manifest has the columns {', '.join(map(repr, names)) or 'none'}, none of "
            f"which names images. Call one of them {', '.join(URI_COLUMNS[:-1])} or "
            f"{URI_COLUMNS[-1]}."
        )


def _split(file: BinaryIO, separator: bytes, start: bytes = b"") -> Iterator[bytes]:
    """Split a file at each separator; what is longer than a line may be keeps its beginning."""
    rest = b""
    chunk = start or _read(file)
    while chunk:
        *whole, rest = (rest + chunk).split(separator)
        yield from whole
        rest = rest[: _LONGEST_LINE + 1]
        chunk = _read(file)
    if rest:
        yield rest


def _read(file: BinaryIO) -> bytes:
    """Read what there is, without waiting for more of a pipe than has been written to it."""
    read: Callable[[int], bytes] = getattr(file, "read1", file.read)
    return read(_CHUNK)


def _text(data: bytes) -> str:
    """Decode as the system decodes file names: bytes that are not UTF-8 survive the way back."""
    return data.decode("utf-8", "surrogateescape")
