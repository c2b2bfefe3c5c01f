"""Ranking of matches: by tier, then by log-odds."""

from collections.abc import Iterable

from indexer.matching.judgement import TIER_RANK, Finding, Judged
from indexer.types import Match, Suppression


def rank(ruled: Iterable[tuple[Judged, Finding, Suppression | None]]) -> list[Match]:
    """Report judged candidates as matches, strongest first, those of tier none included.

    Parameters
    ----------
    ruled : iterable of (Judged, Finding, Suppression or None)
        Each candidate with the finding that decides it, as `suppress` gives them.
    """
    return sorted((_match(*each) for each in ruled), key=_strongest_first)


def nearest_first(match: Match) -> tuple[int, float]:
    """Sort key: by tier, then by log-odds."""
    return TIER_RANK[match.tier], most_alike_first(match)


def most_alike_first(match: Match) -> float:
    """Sort key: by log-odds, whatever the tier."""
    return -(match.log_odds or 0.0)


def _strongest_first(match: Match) -> tuple[int, bool, float, int, str, int]:
    """Sort key: by tier, then bank entries before the gallery, then by log-odds."""
    return (
        TIER_RANK[match.tier],
        match.bank is None,
        most_alike_first(match),
        match.image_id or 0,
        match.bank or "",
        match.entry_id or 0,
    )


def _match(judged: Judged, finding: Finding, suppression: Suppression | None) -> Match:
    evidence, judgement = finding.comparison.evidence, finding.judgement
    entry, record = judged.entry, judged.record
    return Match(
        tier=judgement.tier,
        decided_by=judgement.decided_by,
        threshold=judgement.threshold,
        threshold_source=judgement.threshold_source,
        threshold_card=judgement.threshold_card,
        similarity=evidence.similarity,
        pdq_distance=evidence.pdq_distance,
        log_odds=evidence.log_odds,
        bank=entry.bank if entry else None,
        bank_kind=entry.kind if entry else None,
        entry_id=entry.id if entry else None,
        image_id=record.id if record else None,
        source=record.sources[0] if record and record.sources else None,
        suppressed_by=suppression,
        part=finding.comparison.nearest.get(judgement.decided_by),
        query_part=finding.part,
        inliers=judged.inliers,
        evidence=evidence.contributions,
        template=judged.template,
    )
