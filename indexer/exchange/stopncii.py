"""StopNCII lists: JSON responses of its API."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from indexer.errors import UnreadableSource
from indexer.exchange.cells import UnusableRow, labels_in
from indexer.exchange.fingerprint_kinds import UnknownKind, kind_named
from indexer.exchange.items import BadRow, Ignored, Item, ReadOptions
from indexer.exchange.list_rows import read_fingerprint
from indexer.exchange.list_streams import ListStream
from indexer.exchange.text_window import TextWindow
from indexer.types import Fingerprint, ListedFingerprint, WithdrawnFingerprint

_RECORDS: Final = re.compile(r'"hashRecords"\s*:\s*\[', re.IGNORECASE)
_BETWEEN: Final = re.compile(r"[\s,]*")
_OBJECT: Final = re.compile("{")
_VALUE: Final = "hashValue"
_GONE: Final = {"withdrawn", "deleted"}
_DECODER: Final = json.JSONDecoder()


def read_stopncii(stream: ListStream, options: ReadOptions) -> Iterator[Item]:
    """Read hash records one by one; several answers may follow each other in one file.

    A record is withdrawn when its status says so, or that of each of its cases. What is damaged
    ends where the next record begins.

    Raises
    ------
    UnreadableSource
        There are no hash records in the file.
    """
    window = TextWindow(stream)
    if window.find(_RECORDS) is None:
        raise UnreadableSource(
            f'The list {options.name} is not a response of StopNCII: "hashRecords" is missing.'
        )
    while (found := window.find(_RECORDS)) is not None:
        window.go(found.end())
        yield from _records(window, options)


def _records(window: TextWindow, options: ReadOptions) -> Iterator[Item]:
    """Read the records of one answer; the place is behind the bracket that opens them."""
    while True:
        between = _BETWEEN.match(window.text, window.at)
        window.go(between.end() if between else window.at)
        where = options.at(window.line)
        if window.at_end:
            yield BadRow(where, "the list ends among its records: it was cut off")
            return
        if window.text[window.at] == "]":
            window.go(window.at + 1)
            return
        record, end = _decode(window)
        if record is not None:
            window.go(end)
            yield from _items(record, where, options)
        else:
            yield BadRow(where, "this is no hash record")
            if not _recover(window):
                return


def _recover(window: TextWindow) -> bool:
    """Go behind something damaged, to where a hash record begins; False at the end."""
    window.go(window.at + 1)
    while window.find(_OBJECT) is not None:
        record, _ = _decode(window)
        if record is not None and _VALUE in record:  # not an object within a record, or around it
            return True
        window.go(window.at + 1)
    return False


def _decode(window: TextWindow) -> tuple[dict[str, Any] | None, int]:
    """Return the JSON object at the place, and the index of its end; None where there is none."""
    try:
        value, end = _DECODER.raw_decode(window.text, window.at)
    except (ValueError, RecursionError):
        return None, window.at
    return (value, end) if isinstance(value, dict) else (None, window.at)


def _items(record: dict[str, Any], where: str, options: ReadOptions) -> Iterator[Item]:
    """Yield what one record says; what it is of is known by its hash."""
    name, value = record.get("signalType"), record.get(_VALUE)
    if not isinstance(name, str) or not isinstance(value, str):
        yield BadRow(where, f"the record has no signalType or no {_VALUE}")
        return
    try:
        kind = kind_named(name)
        labels = _labels(record)
    except UnknownKind:  # a list may learn of new kinds any day
        kind, labels = None, ()
    except UnusableRow as error:
        yield BadRow(where, str(error))
        return
    if kind is None:
        yield Ignored(name.lower())
        return
    found = read_fingerprint(value.strip(), kind, where, options)
    if not isinstance(found, Fingerprint):
        yield found
    elif _is_gone(record):
        yield WithdrawnFingerprint(found.hex, found.kind)
    else:
        yield ListedFingerprint(found, found.hex, labels=labels)


def _is_gone(record: dict[str, Any]) -> bool:
    """Tell whether a record is withdrawn: itself, or all the cases that it is of."""
    cases = record.get("caseNumbers")
    states = [str(state).lower() for state in cases.values()] if isinstance(cases, dict) else []
    status = str(record.get("hashStatus")).lower()
    return status in _GONE or (bool(states) and _GONE.issuperset(states))


def _labels(record: dict[str, Any]) -> tuple[str, ...]:
    """Return the tags that platforms gave a record, each once."""
    feedbacks = record.get("CSPFeedbacks")
    if not isinstance(feedbacks, list):
        return ()
    tags = {
        tag
        for feedback in feedbacks
        if isinstance(feedback, dict)
        for tag in labels_in(feedback, ["tags"])
    }
    return tuple(sorted(tags))
