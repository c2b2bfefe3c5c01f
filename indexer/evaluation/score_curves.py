"""Score curves: precision, recall and false matches of a ranking at every bound."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from indexer.evaluation.ground_truth import BenchmarkQuery
from indexer.evaluation.retrieval_metrics import Pair

_POINTS: Final = 200  # of a curve, evenly by recall


@dataclass(frozen=True, slots=True)
class ScoreCurve:
    """A ranking at falling bounds of its score, at most 200 steps of recall; lists of one length.

    Empty where no copy has a pair.
    """

    bounds: list[float]
    recall: list[float]
    """Share of the copies whose right pair reaches the bound."""
    precision: list[float]
    """Share of right pairs among those that reach it."""
    false_matches: list[float]
    """Share of the queries without a reference that have a pair that reaches it, which is the rate
    of false matches per upload; empty where there are no such queries."""


def trace_curve(cases: Sequence[BenchmarkQuery], pairs: Iterable[Pair]) -> ScoreCurve:
    """Count right and wrong pairs at every bound.

    Of bounds with about the same recall the highest is kept: it has the fewest wrong pairs.

    Parameters
    ----------
    cases : sequence of BenchmarkQuery
        At least one of which is a copy.
    pairs : iterable of Pair
        Each query and reference once; those of queries that are no case are passed over.
    """
    truth = {case.query: case.reference for case in cases}
    known = [pair for pair in pairs if pair.query in truth]
    rights = [pair.score for pair in known if pair.reference == truth[pair.query]]
    if not rights:
        return ScoreCurve([], [], [], [])
    strangers = {case.query: -np.inf for case in cases if case.reference is None}
    for pair in known:
        if pair.query in strangers:
            strangers[pair.query] = max(strangers[pair.query], pair.score)
    copies = len(cases) - len(strangers)
    bounds, found = np.unique(rights, return_counts=True)
    found = np.cumsum(found[::-1])
    _, kept = np.unique(found * _POINTS // copies, return_index=True)
    kept = np.union1d(kept, len(found) - 1)
    bounds, found = bounds[::-1][kept], found[kept]
    recall = found / copies
    return ScoreCurve(
        bounds.tolist(),
        recall.tolist(),
        (found / _count_reaching(bounds, [pair.score for pair in known])).tolist(),
        (_count_reaching(bounds, list(strangers.values())) / len(strangers)).tolist()
        if strangers
        else [],
    )


def _count_reaching(bounds: NDArray[np.float64], scores: Sequence[float]) -> NDArray[np.int64]:
    """Return how many scores are at least each bound, (n,)."""
    ascending = np.sort(scores)
    return len(ascending) - np.searchsorted(ascending, bounds, side="left")
