"""Completeness of a search: whether all nearest vectors were found, or which share of them."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self


class CompletenessKind(StrEnum):
    """How much is known of what a search missed."""

    EXACT = "exact"  # every vector was compared
    CERTIFIED = "certified"  # compressed vectors were, with a proven bound on their error
    MEASURED = "measured"  # a part was; its recall is known from a sample of queries
    UNMEASURED = "unmeasured"  # a part was; its recall is not known yet


@dataclass(frozen=True, slots=True)
class Completeness:
    """Completeness of the candidates from the gallery; entries of banks are always all compared."""

    kind: CompletenessKind
    recall: float | None = None  # share of the true nearest that are found, if measured
    interval: tuple[float, float] | None = None  # of the recall: Wilson's, 95 %
    queries: int | None = None  # on how many queries it was measured

    @property
    def is_proven(self) -> bool:
        """Return whether nothing can have been missed."""
        return self.kind in {CompletenessKind.EXACT, CompletenessKind.CERTIFIED}

    @classmethod
    def least(cls, *several: Self) -> Self:
        """Return the least complete of several searches, of which an answer is made."""
        order = list(CompletenessKind)
        return max(several, key=lambda each: (order.index(each.kind), -(each.recall or 0.0)))


EXACT: Final = Completeness(CompletenessKind.EXACT)
