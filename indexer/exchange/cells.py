"""Cells of a list's row: text, labels, numbers, booleans."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from indexer.sources.names import is_storable
from indexer.types import EXTERNAL_ID_BYTES

Columns = Mapping[str, Any]
"""Values by the lower-case name of their column; absent and empty ones count alike."""

_YES: Final = {"1", "true", "t", "yes", "y"}
_NO: Final = {"0", "false", "f", "no", "n"}
_BETWEEN_LABELS: Final = re.compile(r"[;,]")
_QUOTED: Final = 80  # characters of a value that messages repeat


class UnusableRow(Exception):
    """A row cannot be used; the message says why, to stand behind file and line."""


def text_in(columns: Columns, names: Sequence[str]) -> str | None:
    """Return the first value among columns, as text without blanks around it.

    Raises
    ------
    UnusableRow
        It is no text or number, or no text that a database can hold.
    """
    for name in names:
        value = columns.get(name)
        if value is None or value == "":
            continue
        if not isinstance(value, str | int | float):
            raise UnusableRow(f"{name} is {_quoted(value)}, which is not text")
        if text := _storable(name, str(value).strip()):
            return text
    return None


def identifier_in(columns: Columns, names: Sequence[str]) -> str | None:
    """Return the first value among columns, if it is short enough for an index.

    Raises
    ------
    UnusableRow
        It is too long, or `text_in` refuses it.
    """
    text = text_in(columns, names)
    if text is not None and len(text.encode()) > EXTERNAL_ID_BYTES:
        raise UnusableRow(f"{_quoted(text)} has more than {EXTERNAL_ID_BYTES} bytes")
    return text


def labels_in(columns: Columns, names: Sequence[str]) -> tuple[str, ...]:
    """Return the labels in the first of the columns that has any.

    A JSON array, also one written as text, holds a label in each place; other text holds them with
    commas or semicolons between them.

    Raises
    ------
    UnusableRow
        A label is no text.
    """
    for name in names:
        value = columns.get(name)
        if value is None or value == "":
            continue
        if isinstance(value, str):
            value = _array(value) or [part.strip() for part in _BETWEEN_LABELS.split(value)]
        if not isinstance(value, list) or not all(isinstance(label, str) for label in value):
            raise UnusableRow(f"{name} is {_quoted(value)}, which is not a list of texts")
        if labels := tuple(_storable(name, label) for label in value if label):
            return labels
    return ()


def number_in(columns: Columns, names: Sequence[str]) -> float | None:
    """Return the first value among columns as a number.

    Raises
    ------
    UnusableRow
        It is none.
    """
    text = text_in(columns, names)
    try:
        return None if text is None else float(text)
    except ValueError:
        raise UnusableRow(f"{names[0]} is {_quoted(text)}, which is not a number") from None


def flag_in(columns: Columns, names: Sequence[str]) -> bool:
    """Return whether the first value among columns says yes; False where there is none.

    Raises
    ------
    UnusableRow
        It says neither yes nor no.
    """
    text = text_in(columns, names)
    if text is None or text.lower() in _NO:
        return False
    if text.lower() in _YES:
        return True
    raise UnusableRow(f"{names[0]} is {_quoted(text)}, which is neither yes nor no")


def _array(text: str) -> Any:
    """Return what a JSON array written as text holds; None for other text."""
    if not text.startswith("["):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _storable(name: str, text: str) -> str:
    if not is_storable(text):
        raise UnusableRow(f"{name} is {_quoted(text)}, not text that a database can hold")
    return text


def _quoted(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _QUOTED else f"{text[:_QUOTED]}..."
