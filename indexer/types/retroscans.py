"""Retro-scans and their matches: stored images that a newer entry matches."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from indexer.types.described import described
from indexer.types.verdicts import Signal, Tier


class ScanState(StrEnum):
    """Whether a retro-scan has reached its last change."""

    RUNNING = "running"  # or stopped on the way: running it again goes on
    DONE = "done"


@described
@dataclass(frozen=True, slots=True)
class RetroScan:
    """A pass of new block entries over the gallery, and how far it is."""

    id: int
    """Rises with time."""
    bank: str | None
    """The bank whose entries are scanned; null for all block banks."""
    first_change: int
    """Entries are scanned that the log names from this change on ..."""
    last_change: int
    """... up to and including this one."""
    cursor: int
    """The last change whose entry is done: where a scan that was cut off goes on."""
    state: ScanState
    """running (or cut off) or done."""
    scanned: int
    """Entries done."""
    found: int
    """Matches listed."""
    created_at: datetime
    """When it began."""
    finished_at: datetime | None
    """When it reached the last change."""


@described
@dataclass(frozen=True, slots=True)
class RetroMatch:
    """A stored image that an entry matches, with the evidence."""

    id: int
    """The cursor of a page: rises within a scan."""
    entry_id: int
    """The entry that matches."""
    bank: str
    """Its bank."""
    image_id: int
    """The stored image."""
    source: str | None
    """Where the image was first found; null when no source of it is left."""
    tier: Tier
    """The tier of the match."""
    decided_by: Signal
    """The signal that decided the tier."""
    similarity: float | None
    """Cosine similarity, -1 to 1, higher is closer; null for a bare fingerprint."""
    pdq_distance: int | None
    """Hamming distance in bits, 0 to 256; null when not measured."""
    threshold: float | None
    """The bound of that signal; null for sha256 and md5."""
    created_at: datetime
    """When it was found."""
