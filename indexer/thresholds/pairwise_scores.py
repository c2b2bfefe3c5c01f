"""Pairwise scores in bulk: every query with every reference, by one signal."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from indexer.thresholds.picture_matrix import FAR, NO_ID, Pictures
from indexer.types import Embeddings, Fusion, LogOdds, PdqBits, Signal, cost_of, count_comparisons

_ROUNDING: Final = 1e-4  # nats: bounds have four decimals

Closeness = NDArray[np.float32]
"""(n, m) float32, n queries by m references: cosine, log-odds in nats, or PDQ bits negated."""
Distances = NDArray[np.int16]
"""(n, m) int16, n queries by m references: Hamming distances in bits, 0 to 256."""


@dataclass(frozen=True, slots=True)
class Weighing:
    """How similarity and PDQ become log-odds."""

    fusion: Fusion
    query_bias: Callable[[Embeddings], LogOdds]
    """Embeddings of n queries, (n, d), to their biases, (n,): `matching.fusion.query_bias`, handed
    in because matching stands on the thresholds and not the other way round."""
    references: int = 1  # how many each query is compared with: that many cost log-odds

    def cost(self, orientations: int) -> float:
        """Return what the number of comparisons takes off the log-odds, in nats."""
        return cost_of(count_comparisons(self.references, orientations=orientations))


@dataclass(frozen=True, slots=True)
class CopyRule:
    """From where on two pictures are taken for copies of each other, not for strangers."""

    bits: float  # PDQ distance at most: the witness for the log-odds
    nats: float  # weight of the embedding at least: the witness for PDQ, which cannot be its own


@dataclass(frozen=True, slots=True)
class Measure:
    """How pairs of pictures are scored."""

    signal: Signal
    weighing: Weighing
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
        block = _Block(queries, references, self.weighing)
        ids = queries.ids[:, np.newaxis]
        strangers = (ids != references.ids[np.newaxis, :]) | (ids == NO_ID)
        if self.copies is not None:
            if self.signal is Signal.PDQ:
                strangers &= block.embedding_weights < self.copies.nats
            else:
                strangers &= block.distances > self.copies.bits
        return self._score(block), strangers

    def strictest(self, orientations: int) -> float:
        """Return the highest bound, as a closeness, that a copy can still reach.

        Parameters
        ----------
        orientations : int
            In which the queries are hashed.
        """
        if self.signal is Signal.PDQ:
            return 0.0
        fusion, cost = (
            self.weighing.fusion,
            cost_of(count_comparisons(self.weighing.references, orientations=orientations)),
        )
        most = fusion.join(np.float32(fusion.embedding.most), np.float32(fusion.pdq.most))
        return float(most) - cost - _ROUNDING

    def _score(self, block: "_Block") -> Closeness:
        if self.signal is Signal.PDQ:
            return -block.distances.astype(np.float32)
        fusion, orientations = self.weighing.fusion, block.queries.pdq.shape[1]
        weights = fusion.of_pdq(np.arange(FAR + 1))
        weights[FAR] = 0  # where nothing is known PDQ says nothing
        cost = np.float32(
            cost_of(count_comparisons(self.weighing.references, orientations=orientations))
        )
        return fusion.join(block.embedding_weights, weights[block.distances]) - cost


class _Block:
    """A few queries by a few references; what is measured is measured once."""

    def __init__(self, queries: Pictures, references: Pictures, weighing: Weighing) -> None:
        self.queries = queries
        self.references = references
        self._weighing = weighing

    @cached_property
    def embedding_weights(self) -> Closeness:
        """What the embedding says, in nats."""
        bias = self._weighing.query_bias(self.queries.embeddings)
        return self._weighing.fusion.embedding(self.cosines - bias[:, np.newaxis])

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
