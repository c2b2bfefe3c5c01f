"""Rows of a manifest or an archive about one picture, validated."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any, Final

from indexer.sources.base import ListedImage
from indexer.sources.names import is_storable, quoted
from indexer.types import SourceDetails

URI_COLUMNS: Final = ("uri", "source-ref", "path", "url")
DETAIL_COLUMNS: Final = ("bank", "label", "uploader", "created_at")

Columns = Mapping[str, Any]


class InvalidRow(Exception):
    """A row cannot be used; the message says why, to stand within another one's sentence."""


@dataclass(frozen=True, slots=True)
class Row:
    """A picture that a manifest names."""

    number: int  # of its line, or of its row in a table without lines; from 1
    name: str  # a path or URL, as written
    bank: str | None
    details: SourceDetails


def row_of(number: int, columns: Columns) -> Row:
    """Read a manifest's row; the first of `URI_COLUMNS` that is filled names the picture.

    Raises
    ------
    InvalidRow
        No column names a picture, or a value cannot be used; the message says which.
    """
    named = next((column for column in URI_COLUMNS if columns.get(column)), None)
    if named is None:
        raise InvalidRow(f"no image is named: fill one of the columns {', '.join(URI_COLUMNS)}")
    name = columns[named]
    if isinstance(name, bytes):
        name = _decoded(named, name)
    if not isinstance(name, str):
        raise InvalidRow(f"{named} is {name!r}, not the text of a path or URL")
    bank, details = details_of({key: columns[key] for key in columns if key != named})
    return Row(number, name, bank, details)


def columns_of(image: ListedImage) -> dict[str, Any]:
    """Return the row that `row_of` reads as this picture; JSON can hold it."""
    details = image.details
    said = {
        "bank": image.bank,
        "label": details.label,
        "uploader": details.uploader,
        "created_at": details.created_at and details.created_at.isoformat(),
    }
    known = {column: value for column, value in said.items() if value is not None}
    return {"uri": image.uri, **known, **details.metadata}


def details_of(columns: Columns) -> tuple[str | None, SourceDetails]:
    """Sort columns into the bank's name, the details we know, and free metadata.

    Empty values count as absent. Free metadata becomes what JSON holds: moments are written in
    ISO 8601, numbers that are not finite become null, and bytes are left out.

    Raises
    ------
    InvalidRow
        A value cannot be used; the message says which.
    """
    details = SourceDetails(
        label=_text(columns, "label"),
        uploader=_text(columns, "uploader"),
        created_at=_moment(columns.get("created_at")),
        metadata={
            _storable(key): _plain(value)
            for key, value in columns.items()
            if key not in DETAIL_COLUMNS and not (value is None or value == "")
            if not isinstance(value, bytes)
        },
    )
    return _text(columns, "bank"), details


def _text(columns: Columns, column: str) -> str | None:
    value = columns.get(column)
    if isinstance(value, bytes):
        value = _decoded(column, value)
    if value is None or value == "":
        return None
    if not isinstance(value, str | int | float):
        raise InvalidRow(f"{column} is {value!r}, not text")
    return _storable(str(value))


def _moment(value: Any) -> datetime | None:
    if value is None or value == "":
        return None
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise InvalidRow(f"created_at is {value!r}; write it as 2026-11-24T10:30:00Z") from None
    elif isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time())
    if not isinstance(value, datetime):
        raise InvalidRow(
            f"created_at is {value!r}, not a valid time; write it as 2026-11-24T10:30:00Z"
        )
    try:
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    except OverflowError:
        raise InvalidRow(f"created_at is {value!r}, which is out of range") from None


def _plain(value: Any) -> Any:
    """Bring a value to what JSON holds."""
    if isinstance(value, str):
        return _storable(value)
    if isinstance(value, Mapping):
        parts = value.items()
        return {_storable(str(k)): _plain(v) for k, v in parts if not isinstance(v, bytes)}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value if not isinstance(part, bytes)]
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, bool | int | float) else str(value)


def _decoded(column: str, value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise InvalidRow(f"{column} is not UTF-8") from None


def _storable(text: str) -> str:
    if not is_storable(text):
        raise InvalidRow(f"{quoted(text)} is not text that a database can hold")
    return text
