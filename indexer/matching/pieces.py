"""Pieces of an image that are compared: its whole first frame, and its parts."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from indexer.types import Embeddings, ImageRecord, Part, Pdq, PdqBits

Piece = tuple[Part | None, PdqBits, Embeddings]
"""The part, None for the whole; its PDQ, (orientations or 0, 32); its embedding, (d,)."""


@dataclass(frozen=True, slots=True)
class Pieces:
    """The whole first frame of an image, then its parts."""

    parts: tuple[Part | None, ...]  # None for the whole first frame
    embeddings: Embeddings  # (pieces, d) float32, unit rows; (0, d) where none is known
    pdq: PdqBits  # (n, 32): a row for each orientation of each piece that is not flat
    pdq_owner: NDArray[np.int64]  # (n,): whose row it is, as a number of `parts`

    @classmethod
    def of(cls, pieces: Iterable[Piece]) -> Self:
        """Join at least one piece."""
        parts, pdqs, embeddings = zip(*pieces, strict=True)
        return cls(
            parts=parts,
            embeddings=np.stack(embeddings),
            pdq=np.concatenate(pdqs),
            pdq_owner=np.repeat(np.arange(len(parts)), [len(rows) for rows in pdqs]),
        )

    def embedded(self) -> list[Piece]:
        """Return the pieces one by one; none where no embedding is known."""
        pieces = zip(self.parts, self.embeddings, strict=False)
        return [
            (part, self.pdq[self.pdq_owner == number], embedding)
            for number, (part, embedding) in enumerate(pieces)
        ]


def stored_pieces(record: ImageRecord, min_quality: int) -> list[Piece]:
    """Return the pieces of a stored image; none without an embedding in the space asked for.

    Its variants are among them. The PDQ of a piece is one row, or none for a picture whose quality
    is below `min_quality`.
    """
    if record.embedding is None:
        return []
    whole = (None, usable_bits(record.pdq, min_quality), record.embedding)
    parts = (
        (stored.part, usable_bits(stored.pdq, min_quality), stored.embedding)
        for stored in record.parts
        if stored.embedding is not None
    )
    return [whole, *parts]


def usable_bits(pdq: Pdq, min_quality: int) -> PdqBits:
    """Return (1, 32) bits, or (0, 32) for a picture too flat to hash."""
    bits = np.frombuffer(pdq.bits, np.uint8)[np.newaxis]
    return bits if pdq.quality >= min_quality else bits[:0]
