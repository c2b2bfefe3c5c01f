"""Operating point: what is found, and falsely matched, at the bounds in force."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from indexer.evaluation.ground_truth import BenchmarkQuery
from indexer.evaluation.ranked_pairs import RankedCandidate
from indexer.thresholds.rate_intervals import clopper_pearson
from indexer.types import Signal, Tier

Candidates = Sequence[Sequence[RankedCandidate]]
"""What each query was compared with, in the order of the queries."""


@dataclass(frozen=True, slots=True)
class Rate:
    """A share of queries."""

    count: int
    queries: int
    """Of so many."""
    share: float
    low: float
    """Lower end of the 95 % interval (Clopper and Pearson 1934)."""
    high: float
    """Upper end."""

    @classmethod
    def of(cls, count: int, queries: int) -> Self:
        """Return `count` of at least one query as a rate."""
        interval = clopper_pearson(count, queries)
        return cls(count, queries, count / queries, interval.low, interval.high)


@dataclass(frozen=True, slots=True)
class FalseMatches:
    """Wrong matches of some queries."""

    uploads: Rate
    """Queries with at least one."""
    per_upload: float
    """Mean number of a query."""


@dataclass(frozen=True, slots=True)
class TierFalseMatches:
    """Wrong matches of one tier."""

    overall: FalseMatches
    by_signal: dict[Signal, FalseMatches]
    """By the signal that decided; a query may count for several."""


@dataclass(frozen=True, slots=True)
class FalseMatchRates:
    """Wrong matches of any tier but none, in all and by tier."""

    overall: FalseMatches
    by_tier: dict[Tier, TierFalseMatches]
    """Near duplicate and lookalike always; exact where there is one. A query may count for
    several."""


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """What the bounds in force make of a benchmark: of its settings, cards or model."""

    recall: Rate
    """Copies whose reference is matched, at any tier but none."""
    recall_by_transform: dict[str, Rate]
    strangers: FalseMatchRates | None
    """False matches of the queries without a reference; None where there are no such queries."""
    copies: FalseMatchRates
    """Matches of the copies that are not their reference."""


def measure_operating_point(
    cases: Sequence[BenchmarkQuery], candidates: Candidates
) -> OperatingPoint:
    """Count what is matched, whatever its rank.

    Parameters
    ----------
    cases : sequence of BenchmarkQuery
        At least one of which is a copy.
    candidates : sequence of sequence of RankedCandidate
        Of each case; none of a query that could not be asked, which is missed.
    """
    matched = [
        (case, [candidate for candidate in each if candidate.tier is not Tier.NONE])
        for case, each in zip(cases, candidates, strict=True)
    ]
    copies = [(case, each) for case, each in matched if case.reference is not None]
    strangers = [each for case, each in matched if case.reference is None]
    found = defaultdict(list)
    for case, each in copies:
        found[case.transform].append(any(c.reference == case.reference for c in each))
    every = [hit for hits in found.values() for hit in hits]
    others = [[c for c in each if c.reference != case.reference] for case, each in copies]
    return OperatingPoint(
        recall=Rate.of(sum(every), len(every)),
        recall_by_transform={
            name: Rate.of(sum(hits), len(hits)) for name, hits in sorted(found.items())
        },
        strangers=_rates(strangers) if strangers else None,
        copies=_rates(others),
    )


def _rates(wrong: Candidates) -> FalseMatchRates:
    """Count the wrong matches of at least one query."""
    tiers = {c.tier for each in wrong for c in each} | {Tier.NEAR_DUPLICATE, Tier.LOOKALIKE}
    return FalseMatchRates(
        _count(wrong), {tier: _of_tier(wrong, tier) for tier in Tier if tier in tiers}
    )


def _of_tier(wrong: Candidates, tier: Tier) -> TierFalseMatches:
    chosen = [[c for c in each if c.tier is tier] for each in wrong]
    signals = {c.decided_by for each in chosen for c in each}
    return TierFalseMatches(
        _count(chosen),
        {
            signal: _count([[c for c in each if c.decided_by is signal] for each in chosen])
            for signal in Signal
            if signal in signals
        },
    )


def _count(wrong: Candidates) -> FalseMatches:
    uploads = Rate.of(sum(bool(each) for each in wrong), len(wrong))
    return FalseMatches(uploads, sum(len(each) for each in wrong) / len(wrong))
