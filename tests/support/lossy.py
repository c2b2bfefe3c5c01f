"""Approximate indexes that miss what they are told to, for tests of what is said of it."""

from collections.abc import Iterable

import numpy as np

from indexer.types import Completeness, Embeddings
from indexer.vectors import KeySet, SimilarityHits
from indexer.vectors.faiss_index import FloatIndex

MEASURED = Completeness.measured(0.992, 1000)


class LossyIndex(FloatIndex):
    """A float index that never finds some keys, unless it must be exact."""

    said = MEASURED
    lost: frozenset[int] = frozenset()

    @classmethod
    def like(cls, index: FloatIndex, lost: Iterable[int] = ()) -> "LossyIndex":
        """Return one that shares the memory of an index and loses some of its keys."""
        lossy = cls(index.dimension)
        lossy._segments = index.segments
        lossy.lost = frozenset(lost)
        return lossy

    @property
    def completeness(self) -> Completeness:
        return self.said

    def search(
        self, queries: Embeddings, k: int, within: KeySet | None = None, *, exact: bool = False
    ) -> SimilarityHits:
        if exact or not self.lost:
            return super().search(queries, k, within)
        wanted = self.keys() if within is None else within.keys
        found = KeySet(np.setdiff1d(wanted, list(self.lost)))
        return super().search(queries, k, found)
