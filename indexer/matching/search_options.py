"""Search options: filters, thresholds and the size of the answer."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from indexer.types import Tier

_WIDER: Final = 4  # factor by which a search grows when unwanted tiers displace wanted ones
_WIDEST: Final = 4096  # most nearest by each signal that are compared for a choice of tiers


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """Which entries and images a query is compared with, and which matches are returned."""

    k: int = 10
    """Most matches returned, and nearest by each signal that are compared."""
    banks: tuple[str, ...] = ()
    """Search the entries of these banks only; all banks and the gallery when empty."""
    min_log_odds: float | None = None
    """Log-odds in nats that replace the lookalike bounds of threshold cards and settings."""
    tiers: frozenset[Tier] = frozenset()
    """Return matches of these tiers only, of every tier when empty; the verdict stays the same."""
    created_after: datetime | None = None
    """Search only what was added after this moment: entries, and images of the gallery."""
    entries: frozenset[int] | None = None
    """Compare with the entries of these ids alone, without a search."""
    exact: bool = False
    """Search the gallery, too, so that nothing is missed; banks always are."""
    pdq_reach: int | None = None
    """Largest PDQ distance in bits of a candidate; by default the largest that affects a tier."""

    def wider(self) -> Iterator[int]:
        """Yield how many nearest to compare beyond k, ever more, until what is wanted is found."""
        k = self.k
        while k < _WIDEST:
            k = min(k * _WIDER, _WIDEST)
            yield k
