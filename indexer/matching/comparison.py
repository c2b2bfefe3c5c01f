"""Comparison of a query with its candidates, each piece of one with each piece of the other."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain, repeat
from math import inf
from typing import Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from indexer.images.fingerprints import hamming
from indexer.matching.pieces import Pieces, stored_pieces
from indexer.matching.query import EncodedQuery
from indexer.types import (
    Contribution,
    Entry,
    Evidence,
    Fingerprint,
    FingerprintKind,
    Fusion,
    ImageRecord,
    Part,
    PdqBits,
    Signal,
    TemplateEvidence,
    contributions_of,
)

_UNMEASURED: Final = 257  # bits, one more than there are


@dataclass(frozen=True, slots=True)
class Candidate:
    """What a query is compared with: a stored image, or an entry that is a bare fingerprint."""

    record: ImageRecord | None
    entries: tuple[Entry | None, ...]
    """What it is reported for, None for an image by itself; of a fingerprint its one entry."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """How one piece of a query compares with a candidate: the best of the candidate's pieces."""

    query_part: Part | None
    evidence: Evidence
    nearest: dict[Signal, Part | None]
    """The piece of the stored image that each signal is about; the whole where it is missing."""


@dataclass(frozen=True, slots=True)
class Compared:
    """A candidate, and how each piece of the query compares with it."""

    candidate: Candidate
    comparisons: Sequence[Comparison]
    in_place: bool = False
    """Whether verified details lie at the same place of both whole images."""
    template: TemplateEvidence | None = None
    """The frame that it shares with the query, where that was taken off the evidence."""

    @property
    def image_id(self) -> int | None:
        """The stored image; None of a bare fingerprint."""
        return self.candidate.record.id if self.candidate.record else None

    @property
    def log_odds(self) -> float | None:
        """The greatest log-odds of any piece, in nats, before the comparisons are counted."""
        weights = [each.evidence.log_odds for each in self.comparisons]
        return max((weight for weight in weights if weight is not None), default=None)

    @property
    def _best(self) -> int:
        return max(range(len(self.comparisons)), key=lambda row: _weight(self.comparisons[row]))

    @property
    def strongest(self) -> Comparison:
        """The piece of the query that speaks most for the candidate."""
        return self.comparisons[self._best]

    @property
    def same_bytes(self) -> bool:
        """Whether the query is the very file, so that nothing is left to verify."""
        return any(each.evidence.same_bytes for each in self.comparisons)

    def with_inliers(self, inliers: int, fusion: Fusion, *, in_place: bool = False) -> Self:
        """Add what whole pictures have in common to the evidence of the piece that speaks most."""
        best = self._best
        verified = list(self.comparisons)
        evidence = replace(verified[best].evidence, inliers=inliers)
        measured = {each.signal: each.value for each in evidence.contributions}
        nats = fusion.of_details(inliers, measured.get(Signal.EMBEDDING), measured.get(Signal.PDQ))
        evidence = evidence.adding(Contribution(Signal.GEOMETRY, inliers, nats))
        verified[best] = replace(verified[best], evidence=evidence)
        return replace(self, comparisons=verified, in_place=in_place)


def compare(
    query: EncodedQuery, candidates: Sequence[Candidate], min_quality: int, fusion: Fusion
) -> list[Compared]:
    """Compare a query with each of its candidates; leave out those that cannot be compared.

    Parameters
    ----------
    query : EncodedQuery
        Without an embedding it is a fingerprint: its own kind is compared, and nothing else.
    candidates : sequence of Candidate
    min_quality : int
        PDQ quality, 0 to 100, below which a picture is too flat to be compared by it.
    fusion : Fusion
        How the signals are weighed.
    """
    records = [each.record for each in candidates if each.record]
    if len(query.pieces.embeddings):
        measured = iter(compare_images(query, records, min_quality, fusion))
    else:
        measured = iter([_compare_image(query, record, min_quality, fusion) for record in records])
    compared = (
        Compared(each, next(measured) if each.record else _compare_bare(query, each, fusion))
        for each in candidates
    )
    return [each for each in compared if each.comparisons]


def compare_images(
    query: EncodedQuery,
    records: Sequence[ImageRecord],
    min_quality: int,
    fusion: Fusion,
    skipped: NDArray[np.bool_] | None = None,
) -> list[list[Comparison]]:
    """Measure stored images against each embedded piece of the query, all at once.

    The evidence is the greatest cosine, the least PDQ distance and the greatest log-odds to any
    piece of the candidate. Of pieces that tie the first counts, so the whole frame comes before a
    part. The bytes are those of the whole, so they count for the whole first frame only.

    Parameters
    ----------
    query : EncodedQuery
    records : sequence of ImageRecord
    min_quality : int
        As for `compare`.
    skipped : ndarray of shape (pieces of the query, pieces of the records), bool, optional
        Pairs that are no evidence.

    Returns
    -------
    list of list of Comparison
        For each record one for each piece of the query; without an embedding, by hashes alone.
    """
    pieces = [stored_pieces(record, min_quality) for record in records]
    if not any(pieces):
        return [_compare_hashes(query, record, min_quality, fusion) for record in records]
    ours, theirs = query.pieces, Pieces.of(chain.from_iterable(pieces))
    ends = np.cumsum([len(own) for own in pieces])
    # each by itself: BLAS rounds otherwise when others are beside it
    each = [ours.embeddings @ some.T for some in np.split(theirs.embeddings, ends[:-1])]
    cosines = np.clip(np.concatenate(each, axis=1), -1, 1)
    shape = len(ours.parts), len(theirs.parts)
    bits = _least(hamming(ours.pdq, theirs.pdq), ours.pdq_owner, theirs.pdq_owner, shape)
    if skipped is not None:
        cosines[skipped], bits[skipped] = -1, _UNMEASURED
    normalised = cosines - query.bias[:, np.newaxis]
    of_embedding, of_pdq, prior = fusion.shares(normalised, bits)
    weights = of_embedding + of_pdq + np.float32(prior)
    rows = [
        _Row(*row)
        for row in zip(
            ours.parts,
            cosines.tolist(),
            bits.tolist(),
            weights.tolist(),
            normalised.tolist(),
            of_embedding.tolist(),
            of_pdq.tolist(),
            repeat(prior, len(ours.parts)),
            strict=True,
        )
    ]
    found = []
    for record, own, end in zip(records, pieces, ends.tolist(), strict=True):
        columns = range(end - len(own), end)
        same = record.sha256 == query.sha256
        if own:
            found.append([_best_of(row, columns, theirs.parts, same_bytes=same) for row in rows])
        else:
            found.append(_compare_hashes(query, record, min_quality, fusion))
    return found


class _Row(NamedTuple):
    """How a piece of the query compares with each piece of all candidates."""

    part: Part | None
    cosines: list[float]
    bits: list[int]
    weights: list[float]  # log-odds, in nats
    normalised: list[float]
    of_embedding: list[float]
    of_pdq: list[float]
    prior: float

    def contributions(self, column: int) -> tuple[Contribution, ...]:
        """Return what makes up the weight of a column."""
        bits = self.bits[column] if self.bits[column] < _UNMEASURED else None
        return contributions_of(
            self.normalised[column],
            self.of_embedding[column],
            bits,
            self.of_pdq[column],
            self.prior,
        )


def _best_of(
    row: _Row, columns: range, parts: Sequence[Part | None], *, same_bytes: bool
) -> Comparison:
    """Find the best of a candidate's pieces, which are some columns, for a piece of the query."""
    part, cosines, bits, weights, *_ = row
    alike = max(columns, key=cosines.__getitem__)
    closest = min(columns, key=bits.__getitem__)
    best = max(columns, key=weights.__getitem__)
    evidence = Evidence(
        same_bytes=part is None and same_bytes,
        pdq_distance=bits[closest] if bits[closest] < _UNMEASURED else None,
        similarity=cosines[alike],
        contributions=row.contributions(best),
    )
    nearest = {
        Signal.EMBEDDING: parts[alike],
        Signal.PDQ: parts[closest],
        Signal.FUSED: parts[best],
    }
    return Comparison(part, evidence, nearest)


def _weight(comparison: Comparison) -> float:
    weight = comparison.evidence.log_odds
    return -inf if weight is None else weight


def _compare_hashes(
    query: EncodedQuery, record: ImageRecord, min_quality: int, fusion: Fusion
) -> list[Comparison]:
    """Measure a stored image by its bytes and by PDQ, where one of the two has no embedding."""
    ours = query.pieces
    stored = [(None, record.pdq), *((part.part, part.pdq) for part in record.parts)]
    usable = [(part, pdq) for part, pdq in stored if pdq.quality >= min_quality]
    bits = np.full((len(ours.parts), max(1, len(usable))), _UNMEASURED, np.int64)
    if usable:
        theirs = np.stack([np.frombuffer(pdq.bits, np.uint8) for _, pdq in usable])
        each = hamming(ours.pdq, theirs)
        bits = _least(each, ours.pdq_owner, np.arange(len(usable)), bits.shape)
    found = []
    for part, distances in zip(ours.parts, bits, strict=True):
        closest = int(distances.argmin())
        same = part is None and record.sha256 == query.sha256
        if distances[closest] < _UNMEASURED:
            evidence = replace(_of_pdq(int(distances[closest]), fusion), same_bytes=same)
            found.append(Comparison(part, evidence, {Signal.PDQ: usable[closest][0]}))
        elif same:
            found.append(Comparison(part, Evidence(same, None, None), {}))
    return found


def _compare_image(
    query: EncodedQuery, record: ImageRecord, min_quality: int, fusion: Fusion
) -> list[Comparison]:
    """Measure a stored image against a query that is a fingerprint."""
    if not len(query.pieces.pdq):
        same_bytes, same_md5 = record.sha256 == query.sha256, record.md5 == query.md5
        return [Comparison(None, Evidence(same_bytes, None, None, same_md5), {})]
    return _compare_hashes(query, record, min_quality, fusion)


def _of_pdq(distance: int, fusion: Fusion) -> Evidence:
    """Return the evidence of a PDQ distance alone, in bits."""
    return Evidence(
        same_bytes=False,
        pdq_distance=distance,
        similarity=None,
        contributions=fusion.contributions(None, distance),
    )


def _compare_bare(query: EncodedQuery, candidate: Candidate, fusion: Fusion) -> list[Comparison]:
    """Measure a bare fingerprint by its own kind: a digest is that of a whole file."""
    fingerprints = [entry.fingerprint for entry in candidate.entries if entry and entry.fingerprint]
    return [
        each for fingerprint in fingerprints for each in _compare_with(query, fingerprint, fusion)
    ]


def _compare_with(
    query: EncodedQuery, fingerprint: Fingerprint, fusion: Fusion
) -> list[Comparison]:
    if fingerprint.kind is FingerprintKind.PDQ:
        return _compare_pdq(query.pieces, np.frombuffer(fingerprint.value, np.uint8), fusion)
    same_bytes = fingerprint == Fingerprint(FingerprintKind.SHA256, query.sha256)
    same_md5 = fingerprint == Fingerprint(FingerprintKind.MD5, query.md5)
    return [Comparison(None, Evidence(same_bytes, None, None, same_md5), {})]


def _compare_pdq(pieces: Pieces, bits: PdqBits, fusion: Fusion) -> list[Comparison]:
    """Measure one PDQ, (32,) uint8, against each piece that is not flat."""
    each = hamming(pieces.pdq, bits[np.newaxis])
    least = _least(each, pieces.pdq_owner, np.zeros(1, np.int64), (len(pieces.parts), 1))
    return [
        Comparison(part, _of_pdq(distance, fusion), {})
        for part, distance in zip(pieces.parts, least[:, 0].tolist(), strict=True)
        if distance < _UNMEASURED
    ]


def _least(
    distances: NDArray[np.int64],
    row_owners: NDArray[np.int64],
    column_owners: NDArray[np.int64],
    shape: tuple[int, int],
) -> NDArray[np.int64]:
    """Return the least distance between each two pieces, `_UNMEASURED` where one is flat."""
    least = np.full(shape, _UNMEASURED, np.int64)
    np.minimum.at(least, (row_owners[:, np.newaxis], column_owners), distances)
    return least
