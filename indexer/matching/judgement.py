"""Judgement of compared candidates by the thresholds of each bank."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Self

from indexer.matching.comparison import Compared, Comparison
from indexer.thresholds import ThresholdResolver
from indexer.types import (
    BankKind,
    Entry,
    Evidence,
    ImageRecord,
    Judgement,
    Part,
    TemplateEvidence,
    Tier,
)

TIER_RANK = {tier: rank for rank, tier in enumerate(Tier)}
"""Exact 0 to none 3."""


@dataclass(frozen=True, slots=True)
class Finding:
    """How one piece of the query compares with a candidate, judged."""

    comparison: Comparison
    judgement: Judgement

    @classmethod
    def of_signal(cls, evidence: Evidence, judgement: Judgement) -> Self:
        """Return the finding of one signal of a whole query."""
        return cls(Comparison(None, evidence, {}), judgement)

    @property
    def part(self) -> Part | None:
        """The piece of the query."""
        return self.comparison.query_part

    @property
    def strength(self) -> tuple[int, float]:
        """Sort key, strongest first: by tier, then by log-odds."""
        return TIER_RANK[self.judgement.tier], -(self.comparison.evidence.log_odds or 0.0)


@dataclass(frozen=True, slots=True)
class Judged:
    """A candidate judged by the bounds of one bank, with a finding for each piece of the query."""

    record: ImageRecord | None  # None for a bare fingerprint
    entry: Entry | None  # None for an image that is in no bank
    findings: Sequence[Finding]
    template: TemplateEvidence | None = None

    @property
    def allows(self) -> bool:
        """Whether it is an entry of an allow bank."""
        return self.entry is not None and self.entry.kind is BankKind.ALLOW

    @property
    def matches(self) -> bool:
        """Whether any piece of the query is of a tier."""
        return any(finding.judgement.tier is not Tier.NONE for finding in self.findings)

    @property
    def inliers(self) -> int | None:
        """What verification found, whichever piece decides; None where it did not look."""
        found = (finding.comparison.evidence.inliers for finding in self.findings)
        return next((inliers for inliers in found if inliers is not None), None)


def judge(
    compared: Iterable[Compared],
    thresholds: ThresholdResolver,
    comparisons: Callable[[Entry | None], int],
) -> list[Judged]:
    """Judge each candidate once for each of its entries, by the bounds of the entry's bank.

    Parameters
    ----------
    compared : iterable of Compared
    thresholds : ThresholdResolver
    comparisons : callable
        Of how many comparisons an entry, or None for an image of the gallery, is one.
    """
    bounds = cache(thresholds.for_bank)
    judged = []
    for each in compared:
        for entry in each.candidate.entries:
            judge_evidence = bounds(entry.bank if entry else None).judge
            count = comparisons(entry)
            among = [
                Comparison(c.query_part, c.evidence.among(count), c.nearest)
                for c in each.comparisons
            ]
            findings = [Finding(seen, judge_evidence(seen.evidence)) for seen in among]
            judged.append(Judged(each.candidate.record, entry, findings, each.template))
    return judged
