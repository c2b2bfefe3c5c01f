"""Float index: unit vectors compared by cosine similarity."""

from pathlib import Path
from typing import ClassVar

import numpy as np

from indexer.errors import DimensionMismatch, InputError
from indexer.types import Embeddings, Vectors
from indexer.vectors.base import KeySet, SegmentRecord
from indexer.vectors.flat_rows import FlatRows
from indexer.vectors.results import SimilarityHits, SimilarityRangeHits
from indexer.vectors.segmented import SegmentedIndex
from indexer.vectors.vector_files import read_vectors

UNIT_TOLERANCE = 1e-3
"""How far a vector's length may be from 1: float16 storage stays inside, a forgotten
normalisation does not."""


class FloatIndex(SegmentedIndex):
    """Nearest neighbours by cosine similarity; see `VectorIndex`."""

    metric: ClassVar[str] = "cosine"
    _no_distance: ClassVar[np.float32] = np.float32(np.inf)
    _suffix: ClassVar[str] = "vectors.npy"

    def search(
        self,
        queries: Embeddings,
        k: int,
        within: KeySet | None = None,
        *,
        exact: bool = False,
    ) -> SimilarityHits:
        """Find the k keys of highest cosine similarity; see `VectorIndex`."""
        keys, distances = self._nearest(queries, k, within, exact=exact)
        return SimilarityHits(keys=keys, similarities=-distances)

    def range_search(
        self,
        queries: Embeddings,
        threshold: float,
        within: KeySet | None = None,
        *,
        exact: bool = False,
    ) -> SimilarityRangeHits:
        """Find every key whose cosine similarity is `threshold` or more; see `VectorIndex`."""
        if not np.isfinite(threshold):
            raise InputError(f"The similarity threshold must be from -1 to 1, got {threshold}.")
        offsets, keys, distances = self._up_to(queries, -threshold, within, exact=exact)
        return SimilarityRangeHits(offsets=offsets, keys=keys, similarities=-distances)

    def _checked(self, vectors: Vectors) -> Vectors:
        array = np.asarray(vectors)
        if array.ndim != 2 or array.dtype.kind != "f":  # noqa: PLR2004 - rows and columns
            raise InputError(
                f"Vectors must be floats in rows, got {array.dtype} of shape {array.shape}. "
                f"Pass float32 of shape (n, {self.dimension})."
            )
        if array.shape[1] != self.dimension:
            raise DimensionMismatch(expected=self.dimension, got=array.shape[1])
        with np.errstate(over="ignore", invalid="ignore"):
            array = np.ascontiguousarray(array, dtype=np.float32)
            lengths = np.sqrt(np.einsum("ij,ij->i", array, array))
            bad = np.flatnonzero(~(np.abs(lengths - 1) <= UNIT_TOLERANCE))
        if len(bad):
            raise InputError(
                f"{len(bad)} of {len(array)} vectors are not of unit length: row {bad[0]} has "
                f"length {lengths[bad[0]]}. Pass finite, L2-normalised vectors."
            )
        return array

    def _allocate(self, count: int) -> FlatRows:
        return FlatRows(np.empty((count, self.dimension), np.float32))

    def _read(self, folder: Path, record: SegmentRecord) -> FlatRows:
        return FlatRows(read_vectors(folder / self._vectors_file(record.id), self.dimension))
