"""How a query compares with a stored image: each piece of one with each piece of the other."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from indexer.images.fingerprints import hamming
from indexer.matching.fusion import Terms, pdq_term, query_bias
from indexer.types import (
    Embeddings,
    Evidence,
    Fingerprint,
    FingerprintKind,
    ImageRecord,
    Part,
    Pdq,
    PdqBits,
    Signal,
)

_UNMEASURED: Final = 257  # bits, one more than there are


@dataclass(frozen=True, slots=True)
class Pieces:
    """What of one image is compared: its whole first frame, then its parts."""

    parts: tuple[Part | None, ...]  # None for the whole first frame
    embeddings: Embeddings  # (pieces, d) float32, unit rows
    pdq: PdqBits  # (n, 32): a row for each orientation of each piece that is not flat
    pdq_owner: NDArray[np.int64]  # (n,): whose row it is, as a row number of `embeddings`

    @classmethod
    def of(cls, pieces: Iterable[tuple[Part | None, PdqBits, Embeddings]]) -> Self:
        """Join at least one piece: its part, PDQ (orientations or 0, 32), embedding (d,)."""
        parts, pdqs, embeddings = zip(*pieces, strict=True)
        return cls(
            parts=parts,
            embeddings=np.stack(embeddings),
            pdq=np.concatenate(pdqs),
            pdq_owner=np.repeat(np.arange(len(parts)), [len(rows) for rows in pdqs]),
        )


@dataclass(frozen=True, slots=True)
class Query:
    """What is compared with the index."""

    sha256: bytes
    md5: bytes
    pieces: Pieces
    bias: Terms  # (pieces,): see `fusion.query_bias`

    @classmethod
    def of(
        cls, sha256: bytes, md5: bytes, pieces: Pieces, background: Embeddings | None = None
    ) -> Self:
        """Make a query, with its bias towards a background, (m, d) float32 unit rows."""
        return cls(sha256, md5, pieces, query_bias(pieces.embeddings, background))


@dataclass(frozen=True, slots=True)
class Comparison:
    """How one piece of a query compares with a stored image: the best of the image's pieces."""

    query_part: Part | None
    evidence: Evidence
    nearest: dict[Signal, Part | None]
    """The piece of the stored image that each signal speaks of; the whole where it is not named."""


def stored_pieces(record: ImageRecord, min_quality: int) -> Pieces | None:
    """Return the pieces of a stored image; None when it has no embedding in the space asked for.

    The PDQ of a piece is one row, or none for a picture whose quality is below `min_quality`.
    """
    pieces = _pieces(record, min_quality)
    return Pieces.of(pieces) if pieces else None


def compare(
    query: Query, records: Sequence[ImageRecord], min_quality: int
) -> list[list[Comparison]]:
    """Measure candidates against each piece of the query, all at once.

    The evidence is the greatest cosine, the least PDQ distance and the greatest fused score to any
    piece of the candidate. Of pieces that tie the first counts, so the whole frame comes before a
    part. The bytes are those of the whole, so they count for the whole first frame only.

    Returns
    -------
    list of list of Comparison
        For each record one for each piece of the query; none without an embedding to measure.
    """
    pieces = [_pieces(record, min_quality) for record in records]
    if not any(pieces):
        return [[] for _ in records]
    ours, theirs = query.pieces, Pieces.of(chain.from_iterable(pieces))
    ends = np.cumsum([len(own) for own in pieces])
    # each by itself: BLAS rounds otherwise when others are beside it
    each = [ours.embeddings @ some.T for some in np.split(theirs.embeddings, ends[:-1])]
    cosines = np.clip(np.concatenate(each, axis=1), -1, 1)
    shape = len(ours.parts), len(theirs.parts)
    bits = _least(hamming(ours.pdq, theirs.pdq), ours.pdq_owner, theirs.pdq_owner, shape)
    fused = cosines - query.bias[:, np.newaxis]
    fused += np.where(bits < _UNMEASURED, pdq_term(bits), 0)
    rows = list(zip(ours.parts, cosines.tolist(), bits.tolist(), fused.tolist(), strict=True))
    found = []
    for record, own, end in zip(records, pieces, ends.tolist(), strict=True):
        columns = range(end - len(own), end)
        same = record.sha256 == query.sha256
        measured = rows if own else []
        found.append([_compare(row, columns, theirs.parts, same_bytes=same) for row in measured])
    return found


def _compare(
    row: tuple[Part | None, list[float], list[int], list[float]],
    columns: range,
    parts: Sequence[Part | None],
    *,
    same_bytes: bool,
) -> Comparison:
    """Find the best of a candidate's pieces, which are some columns, for a piece of the query."""
    part, cosines, bits, fused = row
    alike = max(columns, key=cosines.__getitem__)
    closest = min(columns, key=bits.__getitem__)
    best = max(columns, key=fused.__getitem__)
    evidence = Evidence(
        same_bytes=part is None and same_bytes,
        pdq_distance=bits[closest] if bits[closest] < _UNMEASURED else None,
        similarity=cosines[alike],
        fused=fused[best],
    )
    nearest = {
        Signal.EMBEDDING: parts[alike],
        Signal.PDQ: parts[closest],
        Signal.FUSED: parts[best],
    }
    return Comparison(part, evidence, nearest)


def compare_fingerprint(query: Query, fingerprint: Fingerprint) -> list[Comparison]:
    """Measure a bare fingerprint against a query: by its own kind, for there is nothing else.

    A digest is that of a whole file. PDQ is measured against each piece of the query that is not
    flat.
    """
    if fingerprint.kind is FingerprintKind.PDQ:
        return _compare_pdq(query.pieces, np.frombuffer(fingerprint.value, np.uint8))
    same_bytes = fingerprint == Fingerprint(FingerprintKind.SHA256, query.sha256)
    same_md5 = fingerprint == Fingerprint(FingerprintKind.MD5, query.md5)
    return [Comparison(None, Evidence(same_bytes, None, None, same_md5), {})]


def _compare_pdq(pieces: Pieces, bits: PdqBits) -> list[Comparison]:
    """Measure one PDQ, (32,) uint8, against pieces."""
    each = hamming(pieces.pdq, bits[np.newaxis])
    least = _least(each, pieces.pdq_owner, np.zeros(1, np.int64), (len(pieces.parts), 1))
    return [
        Comparison(part, Evidence(same_bytes=False, pdq_distance=distance, similarity=None), {})
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


def _pieces(record: ImageRecord, min_quality: int) -> list[tuple[Part | None, PdqBits, Embeddings]]:
    """Return what `Pieces.of` joins of a stored image: nothing without an embedding."""
    if record.embedding is None:
        return []
    whole = (None, _usable(record.pdq, min_quality), record.embedding)
    parts = (
        (stored.part, _usable(stored.pdq, min_quality), stored.embedding)
        for stored in record.parts
        if stored.embedding is not None
    )
    return [whole, *parts]


def _usable(pdq: Pdq, min_quality: int) -> PdqBits:
    """Return (1, 32) bits, or (0, 32) for a picture too flat to hash."""
    bits = np.frombuffer(pdq.bits, np.uint8)[np.newaxis]
    return bits if pdq.quality >= min_quality else bits[:0]
