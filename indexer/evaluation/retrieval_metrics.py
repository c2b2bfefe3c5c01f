"""Retrieval metrics: micro average precision and recall.

The definitions are those of DISC21's scorer (facebookresearch/isc2021) and of SSCD's.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from indexer.evaluation.ground_truth import BenchmarkQuery

PRECISION: Final = 0.9  # at which recall is told


class Pair(NamedTuple):
    """A query, a reference that it was taken for, and how surely."""

    query: str
    reference: str
    score: float  # higher is more alike


@dataclass(frozen=True, slots=True)
class RetrievalMetrics:
    """What a ranking is worth, over all queries or those of one transform."""

    mu_ap: float
    """Micro average precision: all pairs in one list by score, the precision at each right pair
    summed up, over the number of copies. 1 when every right pair stands before every wrong one."""
    recall_at_1: float
    """Share of the copies whose highest pair is right."""
    recall_at_precision: float
    """Greatest share of the copies that a bound finds with 0.9 of the pairs above it right."""
    bound: float | None
    """That bound of the score; None where there is none."""
    copies: int
    """Queries that have a reference."""
    strangers: int
    """Queries that have none: every pair of theirs is wrong."""


@dataclass(frozen=True, slots=True)
class Score:
    """What one signal is worth."""

    overall: RetrievalMetrics
    by_transform: dict[str, RetrievalMetrics]
    """By transform: its copies, together with all queries that have no reference."""


def score(cases: Sequence[BenchmarkQuery], pairs: Iterable[Pair]) -> Score:
    """Measure a ranking, overall and for each transform.

    Parameters
    ----------
    cases : sequence of BenchmarkQuery
        At least one of which is a copy. Queries without pairs are missed.
    pairs : iterable of Pair
        Those of queries that are no case are passed over.

    Notes
    -----
    Ties count against the ranking: of pairs of equal score the wrong ones come first, which
    matters for distances in whole bits.
    """
    by_query = defaultdict(list)
    for pair in pairs:
        by_query[pair.query].append(pair)
    strangers = [case for case in cases if case.reference is None]
    copies = defaultdict(list)
    for case in cases:
        if case.reference is not None:
            copies[case.transform].append(case)
    return Score(
        _measure(cases, by_query),
        {name: _measure([*copies[name], *strangers], by_query) for name in sorted(copies)},
    )


def _measure(cases: Sequence[BenchmarkQuery], by_query: dict[str, list[Pair]]) -> RetrievalMetrics:
    copies = [case for case in cases if case.reference is not None]
    ranked = sorted(
        (-pair.score, pair.reference == case.reference)
        for case in cases
        for pair in by_query.get(case.query, ())
    )
    found, precisions, recall, bound = 0, 0.0, 0.0, None
    for rank, (negated, right) in enumerate(ranked, start=1):
        if not right:
            continue
        found += 1
        precision = found / rank
        precisions += precision
        if precision >= PRECISION:
            recall, bound = found / len(copies), -negated
    first = sum(_first_is_right(case, by_query.get(case.query, ())) for case in copies)
    return RetrievalMetrics(
        mu_ap=precisions / len(copies),
        recall_at_1=first / len(copies),
        recall_at_precision=recall,
        bound=bound,
        copies=len(copies),
        strangers=len(cases) - len(copies),
    )


def _first_is_right(case: BenchmarkQuery, pairs: Sequence[Pair]) -> bool:
    """Tell whether the highest pair is right, and no wrong one is as high."""
    if not pairs:
        return False
    best = max(pair.score for pair in pairs)
    return all(pair.reference == case.reference for pair in pairs if pair.score == best)
