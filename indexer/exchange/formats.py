"""List formats, and their detection by file name."""

from collections.abc import Mapping
from pathlib import PurePath
from typing import Final

from indexer.errors import InputError
from indexer.exchange.csv_lists import read_table
from indexer.exchange.items import ListReader
from indexer.exchange.jsonl import read_json_lines
from indexer.exchange.ncmec import read_ncmec
from indexer.exchange.stopncii import read_stopncii
from indexer.exchange.text import read_text
from indexer.types import ListFormat

READERS: Final[Mapping[ListFormat, ListReader]] = {
    ListFormat.TEXT: read_text,
    ListFormat.CSV: read_table,
    ListFormat.JSONL: read_json_lines,
    ListFormat.TX: read_table,  # told by its columns
    ListFormat.NCMEC: read_ncmec,
    ListFormat.STOPNCII: read_stopncii,
}
_BY_SUFFIX: Final = {
    ".txt": ListFormat.TEXT,
    ".csv": ListFormat.CSV,
    ".tsv": ListFormat.CSV,
    ".jsonl": ListFormat.JSONL,
    ".ndjson": ListFormat.JSONL,
    ".xml": ListFormat.NCMEC,
    ".json": ListFormat.STOPNCII,
}
_COMPRESSED: Final = ".gz"


def is_compressed(name: str) -> bool:
    """Tell whether a file of this name is gzip."""
    return PurePath(name).suffix.lower() == _COMPRESSED


def format_of(name: str) -> ListFormat:
    """Return the format that a file's name stands for, with or without `.gz` behind it.

    Raises
    ------
    InputError
        Its name stands for none.
    """
    path = PurePath(name)
    suffix = path.with_suffix("").suffix if is_compressed(name) else path.suffix
    try:
        return _BY_SUFFIX[suffix.lower()]
    except KeyError:
        raise InputError(
            f"The name {name} does not determine the format of the list. Set --format to one "
            f"of: {', '.join(ListFormat)}."
        ) from None
