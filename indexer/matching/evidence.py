"""From a query and stored images to matches: compare, judge, suppress, rank."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from indexer.fingerprints import hamming
from indexer.thresholds import Thresholds
from indexer.types import (
    BankKind,
    Embeddings,
    Entry,
    Evidence,
    ImageRecord,
    Match,
    PdqBits,
    Suppression,
    Tier,
)

_RANK = {tier: rank for rank, tier in enumerate(Tier)}  # exact 0 ... none 3
_EXCUSING_TIERS = (Tier.EXACT, Tier.NEAR_DUPLICATE)


@dataclass(frozen=True, slots=True)
class Query:
    """What is compared with the index."""

    sha256: bytes
    pdq: PdqBits  # (orientations, 32); no rows when the picture is too flat to hash
    embedding: Embeddings  # (d,) float32, unit length


def stored_pdq(record: ImageRecord, min_quality: int) -> PdqBits:
    """Return an image's PDQ as (1, 32) bits, or (0, 32) for a picture too flat to hash."""
    bits = np.frombuffer(record.pdq.bits, np.uint8)[np.newaxis]
    return bits if record.pdq.quality >= min_quality else bits[:0]


def compare(query: Query, record: ImageRecord, min_quality: int) -> Evidence | None:
    """Measure a candidate against the query; None when it has no embedding in this space."""
    if record.embedding is None:
        return None
    distances = hamming(query.pdq, stored_pdq(record, min_quality))
    return Evidence(
        same_bytes=record.sha256 == query.sha256,
        pdq_distance=int(distances.min()) if distances.size else None,
        similarity=float(np.clip(query.embedding @ record.embedding, -1, 1)),
    )


def judge_all(
    query: Query,
    records: Iterable[ImageRecord],
    thresholds: Thresholds,
    min_quality: int,
    banks: Sequence[str],
) -> list[Match]:
    """Judge each candidate, once for each of its entries, and rank them strongest first.

    With a choice of `banks` only their entries count; without, an image that is in no bank gives
    one match of its own. Matches of every tier come back, `none` included.
    """
    matches = []
    for record in records:
        evidence = compare(query, record, min_quality)
        if evidence is None:
            continue
        entries: list[Entry | None] = [e for e in record.entries if not banks or e.bank in banks]
        if not entries and not banks:
            entries = [None]
        matches += [_match(record, evidence, thresholds, entry) for entry in entries]
    return suppress(sorted(matches, key=_order))


def suppress(matches: Sequence[Match]) -> list[Match]:
    """Mark what an allow entry excuses.

    An allow entry that the query matches exactly or as a near duplicate excuses every match that
    is not stronger. A mere lookalike of something benign excuses nothing.
    """
    excuse = next(
        (m for m in matches if m.bank_kind is BankKind.ALLOW and m.tier in _EXCUSING_TIERS), None
    )
    if excuse is None or excuse.bank is None or excuse.entry_id is None:
        return list(matches)
    by = Suppression(bank=excuse.bank, entry_id=excuse.entry_id)
    return [
        replace(m, suppressed_by=by)
        if m.bank_kind is not BankKind.ALLOW and _RANK[m.tier] >= _RANK[excuse.tier]
        else m
        for m in matches
    ]


def accusing(matches: Sequence[Match]) -> list[Match]:
    """Return the matches that decide a verdict: not from an allow bank, not suppressed."""
    return [m for m in matches if m.bank_kind is not BankKind.ALLOW and m.suppressed_by is None]


def nearest_first(match: Match) -> tuple[int, float]:
    """Sort key: by tier, then by similarity."""
    return (_RANK[match.tier], -match.similarity)


def _order(match: Match) -> tuple[int, bool, float, int, str]:
    """Rank by tier, then bank entries before the gallery, then similarity."""
    return (
        _RANK[match.tier],
        match.bank is None,
        -match.similarity,
        match.image_id,
        match.bank or "",
    )


def _match(
    record: ImageRecord, evidence: Evidence, thresholds: Thresholds, entry: Entry | None
) -> Match:
    judgement = thresholds.judge(evidence)
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
        image_id=record.id,
        source=record.sources[0] if record.sources else None,
        suppressed_by=None,
    )
