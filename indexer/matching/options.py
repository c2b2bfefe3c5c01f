"""What a search is asked for besides the query."""

from dataclasses import dataclass
from datetime import datetime

from indexer.types import Tier


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """What of the index counts for a query, and what of the answer is wanted."""

    k: int = 10
    """Most matches returned."""
    banks: tuple[str, ...] = ()
    """Search the entries of these banks only; all banks and the gallery when empty."""
    threshold: float | None = None
    """Cosine similarity that replaces the lookalike bounds of threshold cards and settings."""
    tiers: frozenset[Tier] = frozenset()
    """Return matches of these tiers only, of every tier when empty; the verdict stays the same."""
    created_after: datetime | None = None
    """Search only what was added after this moment: entries, and images of the gallery."""
