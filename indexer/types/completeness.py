"""Completeness of a search: whether all nearest vectors were found, or which share of them."""

from dataclasses import dataclass
from enum import StrEnum
from math import sqrt
from statistics import NormalDist
from typing import Final, Self

from indexer.types.described import described

_QUANTILE: Final = NormalDist().inv_cdf(0.975)  # of 95 % on both sides: 1.96


class CompletenessKind(StrEnum):
    """How much is known of what a search missed."""

    EXACT = "exact"  # every vector was compared
    CERTIFIED = "certified"  # compressed vectors were, with a proven bound on their error
    MEASURED = "measured"  # a part was; its recall is known from a sample of queries
    UNMEASURED = "unmeasured"  # a part was; its recall is not known yet
    UNSEARCHED = "unsearched"  # none was: the vector engine that holds them cannot be reached


@described
@dataclass(frozen=True, slots=True)
class Completeness:
    """Completeness of a search for the nearest vectors."""

    kind: CompletenessKind
    """exact and certified: all nearest were found; measured: a share; unmeasured: unknown;
    unsearched: none, for the vector engine cannot be reached."""
    recall: float | None = None
    """If measured, the share of the true nearest that is found, 0 to 1."""
    interval: tuple[float, float] | None = None
    """The 95 % confidence interval of the recall."""
    queries: int | None = None
    """Number of queries on which the recall was measured."""

    @property
    def is_proven(self) -> bool:
        """Return whether nothing can have been missed."""
        return self.kind in {CompletenessKind.EXACT, CompletenessKind.CERTIFIED}

    @property
    def words(self) -> str:
        """The recall with its interval, such as `0.992 (0.984 to 0.996, 1,000 queries)`."""
        if self.recall is None or self.interval is None:
            return "1" if self.is_proven else "not measured"
        low, high = self.interval
        return f"{self.recall:.3f} ({low:.3f} to {high:.3f}, {self.queries:,} queries)"

    @classmethod
    def measured(cls, recall: float, queries: int) -> Self:
        """Return that of a search whose mean recall is known from a sample of queries.

        The neighbours of one query are found or missed together, so a query counts as one trial
        and not as k: the variance of its recall is at most that of a yes or no. The interval is
        Wilson's (1927) of so many trials.

        Parameters
        ----------
        recall : float
            Mean over the queries, 0 to 1.
        queries : int
            At least 1.

        Raises
        ------
        ValueError
            The recall is no share, or there are no queries.
        """
        if not (0 <= recall <= 1 and queries > 0):
            raise ValueError(f"A recall of {recall} on {queries} queries is not valid.")
        return cls(CompletenessKind.MEASURED, recall, _wilson(recall, queries), queries)

    def reaches(self, target: float) -> bool:
        """Return whether the recall is at least the target with 97.5 % confidence."""
        return self.is_proven or (self.interval is not None and self.interval[0] >= target)

    @classmethod
    def least(cls, *several: Self) -> Self:
        """Return the least complete of several searches, of which an answer is made."""
        order = list(CompletenessKind)
        return max(several, key=lambda each: (order.index(each.kind), -(each.recall or 0.0)))


EXACT: Final = Completeness(CompletenessKind.EXACT)
UNSEARCHED: Final = Completeness(CompletenessKind.UNSEARCHED)


@described
@dataclass(frozen=True, slots=True)
class SearchCompleteness:
    """Completeness of an answer: of the search of banks, and of that of the gallery."""

    banks: CompletenessKind = CompletenessKind.EXACT
    """Always exact: no entry of a bank is ever missed."""
    gallery: Completeness | None = None
    """That of all other stored images; null if only banks were searched."""

    @property
    def remark(self) -> str | None:
        """A sentence for people where something may have been missed; None where nothing can."""
        if self.gallery is None or self.gallery.is_proven:
            return None
        if self.gallery.kind is CompletenessKind.UNSEARCHED:
            return "Gallery not searched: its vector engine cannot be reached; banks exactly."
        return f"Gallery searched approximately: recall {self.gallery.words}; banks exactly."


def _wilson(share: float, trials: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson 1927)."""
    squared = _QUANTILE**2 / trials
    centre = (share + squared / 2) / (1 + squared)
    half = _QUANTILE * sqrt(share * (1 - share) / trials + squared / (4 * trials)) / (1 + squared)
    return max(0.0, centre - half), min(1.0, centre + half)
