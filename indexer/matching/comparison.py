"""How a query compares with a stored image: each piece of one with each piece of the other."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from indexer.fingerprints import hamming
from indexer.types import Embeddings, Evidence, ImageRecord, Part, Pdq, PdqBits, Signal


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
    pieces: Pieces


@dataclass(frozen=True, slots=True)
class Comparison:
    """How one piece of a query compares with a stored image: the best of the image's pieces."""

    query_part: Part | None
    evidence: Evidence
    nearest: dict[Signal, Part | None]
    """The piece of the stored image that each signal speaks of."""


def stored_pieces(record: ImageRecord, min_quality: int) -> Pieces | None:
    """Return the pieces of a stored image; None when it has no embedding in the space asked for.

    The PDQ of a piece is one row, or none for a picture whose quality is below `min_quality`.
    """
    if record.embedding is None:
        return None
    whole = (None, _usable(record.pdq, min_quality), record.embedding)
    parts = (
        (stored.part, _usable(stored.pdq, min_quality), stored.embedding)
        for stored in record.parts
        if stored.embedding is not None
    )
    return Pieces.of([whole, *parts])


def compare(query: Query, record: ImageRecord, min_quality: int) -> list[Comparison]:
    """Measure a candidate against each piece of the query; empty without an embedding to measure.

    The evidence is the greatest cosine and the least PDQ distance to any piece of the candidate. Of
    pieces that tie the first counts, so the whole frame comes before a part. The bytes are those of
    the whole, so they count for the whole first frame only.
    """
    ours, theirs = query.pieces, stored_pieces(record, min_quality)
    if theirs is None:
        return []
    cosines = np.clip(ours.embeddings @ theirs.embeddings.T, -1, 1)
    distances = hamming(ours.pdq, theirs.pdq)
    comparisons = []
    for row, part in enumerate(ours.parts):
        column = int(cosines[row].argmax())
        nearest = {Signal.SHA256: None, Signal.EMBEDDING: theirs.parts[column]}
        bits = distances[ours.pdq_owner == row]  # (orientations, pieces that are not flat)
        if bits.size:
            closest = int(bits.min(axis=0).argmin())
            nearest[Signal.PDQ] = theirs.parts[theirs.pdq_owner[closest]]
        evidence = Evidence(
            same_bytes=part is None and record.sha256 == query.sha256,
            pdq_distance=int(bits.min()) if bits.size else None,
            similarity=float(cosines[row, column]),
        )
        comparisons.append(Comparison(part, evidence, nearest))
    return comparisons


def _usable(pdq: Pdq, min_quality: int) -> PdqBits:
    """Return (1, 32) bits, or (0, 32) for a picture too flat to hash."""
    bits = np.frombuffer(pdq.bits, np.uint8)[np.newaxis]
    return bits if pdq.quality >= min_quality else bits[:0]
