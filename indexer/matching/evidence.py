"""From a query and stored images to matches: judge, suppress, rank."""

from collections.abc import Iterable, Sequence

from indexer.matching.comparison import Query, compare
from indexer.matching.suppression import (
    RANK,
    Excuses,
    Finding,
    Judged,
    find_excuses,
    strongest,
)
from indexer.thresholds import Thresholds
from indexer.types import BankKind, Entry, ImageRecord, Match


def judge_all(
    query: Query,
    records: Iterable[ImageRecord],
    thresholds: Thresholds,
    min_quality: int,
    banks: Sequence[str],
) -> list[Match]:
    """Judge each candidate, once for each of its entries, and rank them strongest first.

    With a choice of `banks` only their entries count; without, an image that is in no bank gives
    one match of its own. Matches of every tier come back, `none` included, each with the piece of
    the query that reaches the strongest tier.
    """
    judged = [
        Judged(
            record,
            [entry for entry in record.entries if not banks or entry.bank in banks],
            [
                Finding(comparison, thresholds.judge(comparison.evidence))
                for comparison in compare(query, record, min_quality)
            ],
        )
        for record in records
    ]
    judged = [image for image in judged if image.findings]
    excuses = find_excuses(judged)
    matches = [
        _match(image, entry, excuses) for image in judged for entry in _reported(image, banks)
    ]
    return sorted(matches, key=_order)


def accusing(matches: Sequence[Match]) -> list[Match]:
    """Return the matches that decide a verdict: not from an allow bank, not suppressed."""
    return [m for m in matches if m.bank_kind is not BankKind.ALLOW and m.suppressed_by is None]


def nearest_first(match: Match) -> tuple[int, float]:
    """Sort key: by tier, then by similarity."""
    return (RANK[match.tier], -match.similarity)


def _order(match: Match) -> tuple[int, bool, float, int, str]:
    """Rank by tier, then bank entries before the gallery, then similarity."""
    return (
        RANK[match.tier],
        match.bank is None,
        -match.similarity,
        match.image_id,
        match.bank or "",
    )


def _reported(image: Judged, banks: Sequence[str]) -> Sequence[Entry | None]:
    """Return the entries that an image is reported for, None for the image itself."""
    return image.entries if image.entries or banks else [None]


def _match(image: Judged, entry: Entry | None, excuses: Excuses) -> Match:
    """Report an image once; an allow entry is never excused itself."""
    allowing = entry is not None and entry.kind is BankKind.ALLOW
    finding, suppression = strongest(image.findings, {} if allowing else excuses)
    evidence, judgement = finding.comparison.evidence, finding.judgement
    return Match(
        tier=judgement.tier,
        decided_by=judgement.decided_by,
        threshold=judgement.threshold,
        threshold_source=judgement.threshold_source,
        similarity=evidence.similarity,
        pdq_distance=evidence.pdq_distance,
        bank=entry.bank if entry else None,
        bank_kind=entry.kind if entry else None,
        entry_id=entry.id if entry else None,
        image_id=image.record.id,
        source=image.record.sources[0] if image.record.sources else None,
        suppressed_by=suppression,
        part=finding.comparison.nearest[judgement.decided_by],
        query_part=finding.part,
    )
