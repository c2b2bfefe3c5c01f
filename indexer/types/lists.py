"""Lists of fingerprints."""

from dataclasses import dataclass
from enum import StrEnum

from indexer.types.banks import Fingerprint, FingerprintKind

EXTERNAL_ID_BYTES = 1024
"""Most bytes (UTF-8) of an external id, and of the name of a source: an index holds both."""


class ListFormat(StrEnum):
    """How a list is written."""

    TEXT = "text"
    CSV = "csv"
    JSONL = "jsonl"
    TX = "tx"
    NCMEC = "ncmec"
    STOPNCII = "stopncii"


@dataclass(frozen=True, slots=True)
class ListedFingerprint:
    """That a list holds a fingerprint."""

    fingerprint: Fingerprint
    external_id: str  # what the list calls it, or the hex of the fingerprint
    source: str | None = None  # the list that it came from, where the file says so
    labels: tuple[str, ...] = ()
    notes: str | None = None


@dataclass(frozen=True, slots=True)
class WithdrawnFingerprint:
    """That a list does not hold something, or no longer does."""

    external_id: str
    kind: FingerprintKind | None  # None: of any kind
    source: str | None = None  # as above
