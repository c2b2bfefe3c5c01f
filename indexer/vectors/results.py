"""Search results, with the direction of every number in its name."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from indexer.types import Keys

Similarities = NDArray[np.float32]
"""Cosine similarity in [-1, 1], float32: higher is closer."""
Distances = NDArray[np.int32]
"""Hamming distance in bits, int32: lower is closer."""


@dataclass(frozen=True, slots=True)
class Hits:
    """The nearest keys of n queries; each key at most once a query, ties ordered by key."""

    keys: NDArray[np.int64]  # (n, k) int64, nearest first; -1 where there are fewer than k


@dataclass(frozen=True, slots=True)
class SimilarityHits(Hits):
    """Hits of a float index."""

    similarities: Similarities  # (n, k) cosine, highest first; -inf where there is no key


@dataclass(frozen=True, slots=True)
class DistanceHits(Hits):
    """Hits of a binary index."""

    distances: Distances  # (n, k) bits, lowest first; the largest int32 where there is no key


@dataclass(frozen=True, slots=True)
class RangeHits:
    """All keys on the near side of a threshold, each at most once a query, ties ordered by key.

    Those of query i are `keys[offsets[i]:offsets[i + 1]]`.
    """

    offsets: NDArray[np.int64]  # (n + 1,) int64, rising from 0
    keys: Keys  # (offsets[-1],) int64, nearest first within a query
    incomplete: NDArray[np.int64] = field(
        default_factory=lambda: np.zeros(0, np.int64), kw_only=True
    )
    """Numbers of the queries of which keys may have been missed, ascending."""

    @property
    def complete(self) -> bool:
        """Whether no key can have been missed."""
        return not len(self.incomplete)


@dataclass(frozen=True, slots=True)
class SimilarityRangeHits(RangeHits):
    """Range hits of a float index."""

    similarities: Similarities  # (offsets[-1],) cosine, highest first within a query


@dataclass(frozen=True, slots=True)
class DistanceRangeHits(RangeHits):
    """Range hits of a binary index."""

    distances: Distances  # (offsets[-1],) bits, lowest first within a query
