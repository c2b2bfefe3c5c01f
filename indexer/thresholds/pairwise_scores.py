"""Pairwise scores in bulk: every query with every reference, by one signal."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from indexer.thresholds.picture_matrix import FAR, NO_ID, Pictures
from indexer.types import Embeddings, PdqBits, Signal

Closeness = NDArray[np.float32]
"""(n, m) float32, n queries by m references: cosine, fused score, or PDQ bits negated."""
Distances = NDArray[np.int16]
"""(n, m) int16, n queries by m references: Hamming distances in bits, 0 to 256."""


@dataclass(frozen=True, slots=True)
class Fusion:
    """How similarity and PDQ become one score: the functions of `matching.fusion`.

    They are handed in, because matching stands on the thresholds and not the other way round.
    """

    pdq_term: Callable[[NDArray[np.int64]], NDArray[np.float32]]
    """Bits to shares of the score, of any shape."""
    query_bias: Callable[[Embeddings], NDArray[np.float32]]
    """Embeddings of n queries, (n, d), to what is taken off their scores, (n,)."""


@dataclass(frozen=True, slots=True)
class CopyRule:
    """From where on two pictures are taken for copies of each other, not for strangers."""

    bits: float  # PDQ distance at most: the witness for the embedding and the fused score
    cosine: float  # similarity at least: the witness for PDQ, which cannot be its own


@dataclass(frozen=True, slots=True)
class Measure:
    """How pairs of pictures are scored."""

    signal: Signal
    fusion: Fusion
    copies: CopyRule | None = None  # None: only a picture and itself are no strangers

    def compare(
        self, queries: Pictures, references: Pictures
    ) -> tuple[Closeness, NDArray[np.bool_]]:
        """Score every query against every reference.

        Returns
        -------
        closeness : ndarray of shape (n, m), float32
        strangers : ndarray of shape (n, m), bool
            False where the two are the same picture, or copies of each other.
        """
        block = _Block(queries, references)
        ids = queries.ids[:, np.newaxis]
        strangers = (ids != references.ids[np.newaxis, :]) | (ids == NO_ID)
        if self.copies is not None:
            if self.signal is Signal.PDQ:
                strangers &= block.cosines < self.copies.cosine
            else:
                strangers &= block.distances > self.copies.bits
        return self._score(block), strangers

    def _score(self, block: "_Block") -> Closeness:
        if self.signal is Signal.PDQ:
            return -block.distances.astype(np.float32)
        if self.signal is Signal.EMBEDDING:
            return block.cosines
        term = self.fusion.pdq_term(np.arange(FAR + 1))
        term[FAR] = 0  # where nothing is known PDQ says nothing
        bias = self.fusion.query_bias(block.queries.embeddings)
        return block.cosines - bias[:, np.newaxis] + term[block.distances]


class _Block:
    """A few queries by a few references; what is measured is measured once."""

    def __init__(self, queries: Pictures, references: Pictures) -> None:
        self.queries = queries
        self.references = references

    @cached_property
    def cosines(self) -> Closeness:
        """Cosine similarities in [-1, 1]."""
        similarities = self.queries.embeddings @ self.references.embeddings.T
        return np.clip(similarities, -1, 1, out=similarities)

    @cached_property
    def distances(self) -> Distances:
        """PDQ distances: the least over the orientations of either, `FAR` where one is flat."""
        least = np.full((len(self.queries), len(self.references)), FAR, np.int16)
        for ours in _words(self.queries.pdq):
            for theirs in _words(self.references.pdq):
                differing = np.zeros(least.shape, np.int16)
                for left, right in zip(ours, theirs, strict=True):  # word by word saves memory
                    differing += np.bitwise_count(left[:, np.newaxis] ^ right[np.newaxis, :])
                np.minimum(least, differing, out=least)
        least[~self.queries.hashable] = FAR
        least[:, ~self.references.hashable] = FAR
        return least


def _words(pdq: PdqBits) -> NDArray[np.uint64]:
    """Turn (n, o, 32) bytes into (o, 4, n) words: an orientation, then a word, of every picture."""
    return np.ascontiguousarray(pdq).view(np.uint64).transpose(1, 2, 0)
