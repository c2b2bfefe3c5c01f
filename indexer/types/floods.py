"""Flood flags of entries."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from indexer.types.described import described


class FloodState(StrEnum):
    """What became of a flag."""

    OPEN = "open"
    QUARANTINED = "quarantined"
    DISMISSED = "dismissed"


@described
@dataclass(frozen=True, slots=True)
class Flood:
    """A flag on an entry: in one hour it matched far more than was to be expected."""

    id: int
    """Rises with time."""
    entry_id: int
    """The entry."""
    bank: str
    """Its bank."""
    flagged_at: datetime
    """When it was noticed."""
    window_start: datetime
    """The hour in question."""
    hits: int
    """Matches in that hour until it was noticed."""
    expected: float
    """Matches in an hour that the entry's history lets expect."""
    state: FloodState
    """open, quarantined (the entry is disabled) or dismissed (it was all right)."""
    resolved_at: datetime | None
    """When someone, or the setting, decided; null while open."""
