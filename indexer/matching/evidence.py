"""From a query and its candidates to matches: judge, suppress, rank."""

from collections.abc import Sequence
from functools import cache

from indexer.matching.candidates import Candidate, Case
from indexer.matching.comparison import Comparison, Query, compare, compare_fingerprint
from indexer.matching.fusion import closeness
from indexer.matching.suppression import RANK, Finding, Judged, suppress
from indexer.matching.verifying import Compared
from indexer.types import BankKind, Match, Suppression


def compare_all(query: Query, case: Case, min_quality: int) -> list[Compared]:
    """Compare a query with each of its candidates; what cannot be compared is left out.

    `min_quality` is the PDQ quality, 0 to 100, below which a picture is too flat to be compared
    by it.
    """
    records = [each.record for each in case.candidates if each.record]
    measured = iter(compare(query, records, min_quality))
    compared = (
        Compared(each, next(measured) if each.record else _compare_bare(query, each))
        for each in case.candidates
    )
    return [each for each in compared if each.comparisons]


def judge_all(query: Query, case: Case, compared: Sequence[Compared]) -> list[Match]:
    """Judge each candidate, once for each of its entries, and rank them strongest first.

    An entry is held to the bounds of its bank. Matches of every tier come back, `none` included,
    each with the piece of the query that reaches the strongest tier.

    Parameters
    ----------
    query : Query
    case : Case
        What decides on the candidates.
    compared : sequence of Compared
        The candidates, as `compare_all` gives them, verified or not.
    """
    judged = _judge(case, compared)
    ruled = suppress(judged, case.rejections, query.pieces.parts)
    matches = (_match(item, *each) for item, each in zip(judged, ruled, strict=True))
    return sorted(matches, key=_order)


def accusing(matches: Sequence[Match]) -> list[Match]:
    """Return the matches that decide a verdict: not from an allow bank, not suppressed."""
    return [m for m in matches if m.bank_kind is not BankKind.ALLOW and m.suppressed_by is None]


def nearest_first(match: Match) -> tuple[int, float]:
    """Sort key: by tier, then by closeness."""
    return RANK[match.tier], most_alike_first(match)


def most_alike_first(match: Match) -> float:
    """Sort key: by closeness, whatever the tier."""
    return -closeness(match.fused_score, match.pdq_distance, match.inliers)


def _order(match: Match) -> tuple[int, bool, float, int, str, int]:
    """Rank by tier, then bank entries before the gallery, then by closeness."""
    return (
        RANK[match.tier],
        match.bank is None,
        most_alike_first(match),
        match.image_id or 0,
        match.bank or "",
        match.entry_id or 0,
    )


def _judge(case: Case, compared: Sequence[Compared]) -> list[Judged]:
    """Hold each candidate to the bounds of each of its banks."""
    bounds = cache(case.thresholds.for_bank)
    judged = []
    for each in compared:
        for entry in each.candidate.entries:
            judge = bounds(entry.bank if entry else None).judge
            findings = [Finding(seen, judge(seen.evidence)) for seen in each.comparisons]
            judged.append(Judged(each.candidate.record, entry, findings))
    return judged


def _compare_bare(query: Query, candidate: Candidate) -> list[Comparison]:
    bare = [entry.fingerprint for entry in candidate.entries if entry and entry.fingerprint]
    return [each for fingerprint in bare for each in compare_fingerprint(query, fingerprint)]


def _match(judged: Judged, finding: Finding, suppression: Suppression | None) -> Match:
    """Report a candidate by the finding that speaks for it."""
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
        fused_score=evidence.fused,
        bank=entry.bank if entry else None,
        bank_kind=entry.kind if entry else None,
        entry_id=entry.id if entry else None,
        image_id=record.id if record else None,
        source=record.sources[0] if record and record.sources else None,
        suppressed_by=suppression,
        part=finding.comparison.nearest.get(judgement.decided_by),
        query_part=finding.part,
        inliers=_inliers(judged),
    )


def _inliers(judged: Judged) -> int | None:
    """Return what verification found; it looks at the whole of a query, whichever piece decides."""
    found = (finding.comparison.evidence.inliers for finding in judged.findings)
    return next((inliers for inliers in found if inliers is not None), None)
