"""List writers: text in each export format, read back unchanged by its reader."""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from indexer.runtime.terminal import printable_json
from indexer.types import EntryRecord, Fingerprint, FingerprintKind, ListFormat


@dataclass(frozen=True, slots=True)
class ListedEntry:
    """One fingerprint of an entry; an image has several."""

    fingerprint: Fingerprint
    quality: int | None
    """PDQ quality of an image's PDQ."""
    entry: EntryRecord


class ListWriter(Protocol):
    """One format."""

    def __call__(self, entries: Iterable[ListedEntry]) -> Iterator[str]:
        """Yield the text of the list, a line or a row at a time."""


_COLUMNS: Final = (
    "type",
    "fingerprint",
    "quality",
    "external_id",
    "source",
    "labels",
    "notes",
)
_TX_COLUMNS: Final = ("signal_type", "signal_str", "collab", "category", "tags")
_TX_KINDS: Final = {FingerprintKind.MD5: "video_md5"}  # the one name that `tx` has for MD5
_TX_CATEGORY: Final = "POSITIVE_CLASS"


def write_text(entries: Iterable[ListedEntry]) -> Iterator[str]:
    """Write kind and fingerprint on each line, as `tx`'s `local_file` exchange reads them."""
    for item in entries:
        kind = item.fingerprint.kind
        yield f"{_TX_KINDS.get(kind, kind)} {item.fingerprint.hex}\n"


def write_csv(entries: Iterable[ListedEntry]) -> Iterator[str]:
    """Write a header and all that a list can say of an entry."""
    yield _row(_COLUMNS)
    for item in entries:
        entry = item.entry
        yield _row(
            (
                item.fingerprint.kind,
                item.fingerprint.hex,
                item.quality,
                entry.external_id,
                entry.source,
                json.dumps(entry.labels, ensure_ascii=False) if entry.labels else None,
                entry.notes,
            )
        )


def write_json_lines(entries: Iterable[ListedEntry]) -> Iterator[str]:
    """Write an object on each line, without what an entry lacks."""
    for item in entries:
        entry = item.entry
        values = {
            "type": item.fingerprint.kind,
            "fingerprint": item.fingerprint.hex,
            "quality": item.quality,
            "external_id": entry.external_id,
            "source": entry.source,
            "labels": list(entry.labels) or None,
            "notes": entry.notes,
        }
        present = {name: value for name, value in values.items() if value is not None}
        yield f"{printable_json(json.dumps(present, ensure_ascii=False))}\n"


def write_tx(entries: Iterable[ListedEntry]) -> Iterator[str]:
    """Write what `tx dataset --print-signals --csv` writes; external ids and notes are left out.

    SHA-256 has no place there. The collab is the source, or the bank. Blanks within labels become
    underscores.
    """
    yield _row(_TX_COLUMNS)
    for item in entries:
        kind = item.fingerprint.kind
        tags = " ".join("_".join(label.split()) for label in item.entry.labels)
        collab = item.entry.source or item.entry.bank
        yield _row((_TX_KINDS.get(kind, kind), item.fingerprint.hex, collab, _TX_CATEGORY, tags))


WRITERS: Final[Mapping[ListFormat, ListWriter]] = {
    ListFormat.TEXT: write_text,
    ListFormat.CSV: write_csv,
    ListFormat.JSONL: write_json_lines,
    ListFormat.TX: write_tx,
}


class _Line:
    """A file that gives back what is written to it."""

    def write(self, text: str) -> str:
        """Return the text."""
        return text


_CSV: Final = csv.writer(_Line(), lineterminator="\n")


def _row(cells: Iterable[object]) -> str:
    line: str = _CSV.writerow(cells)  # what write returned
    return line
