"""Float index: unit vectors in memory, compared by cosine similarity with FAISS."""

from pathlib import Path
from typing import ClassVar

import faiss
import numpy as np
from numpy.typing import NDArray

from indexer.errors import DimensionMismatch, InputError, SnapshotMismatch
from indexer.types import Embeddings, Vectors
from indexer.vectors.base import KeySet, Sink
from indexer.vectors.results import SimilarityHits, SimilarityRangeHits
from indexer.vectors.segmented import SegmentedIndex
from indexer.vectors.segments import Bitmap, Distances

UNIT_TOLERANCE = 1e-3
"""How far a vector's length may be from 1: float16 storage stays inside, a forgotten
normalisation does not."""


class FloatIndex(SegmentedIndex):
    """Exact nearest neighbours by cosine similarity; see `VectorIndex`."""

    metric: ClassVar[str] = "cosine"
    _no_distance: ClassVar[np.float32] = np.float32(np.inf)

    def search(
        self,
        queries: Embeddings,
        k: int,
        within: KeySet | None = None,
        *,
        exact: bool = False,  # noqa: ARG002 - it always is
    ) -> SimilarityHits:
        """Find the k keys of highest cosine similarity; see `VectorIndex`."""
        keys, distances = self._nearest(queries, k, within)
        return SimilarityHits(keys=keys, similarities=-distances)

    def range_search(
        self,
        queries: Embeddings,
        threshold: float,
        within: KeySet | None = None,
        *,
        exact: bool = False,  # noqa: ARG002 - it always is
    ) -> SimilarityRangeHits:
        """Find every key whose cosine similarity is `threshold` or more; see `VectorIndex`."""
        if not np.isfinite(threshold):
            raise InputError(f"The similarity threshold must be from -1 to 1, got {threshold}.")
        offsets, keys, distances = self._up_to(queries, -threshold, within)
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

    def _allocate(self, count: int) -> "_FloatRows":
        flat = faiss.IndexFlatIP(self.dimension)
        flat.codes.resize(count * flat.code_size)
        flat.ntotal = count
        return _FloatRows(flat)

    def _read(self, path: Path) -> "_FloatRows":
        try:
            flat = faiss.read_index(str(path))
        except RuntimeError as error:
            raise SnapshotMismatch(f"{path} is not a FAISS index: {error}") from error
        if not isinstance(flat, faiss.IndexFlatIP) or flat.d != self.dimension:
            raise SnapshotMismatch(
                f"{path} holds a {type(flat).__name__} of {flat.d} dimensions, expected an "
                f"IndexFlatIP of {self.dimension}. Delete it: the view is rebuilt from the log."
            )
        return _FloatRows(flat)


class _FloatRows:
    """Gaps are negated cosine similarities, cut to [-1, 1] where rounding goes beyond."""

    def __init__(self, flat: faiss.IndexFlatIP) -> None:
        self._flat = flat

    def __len__(self) -> int:
        return int(self._flat.ntotal)

    @property
    def vectors(self) -> Vectors:
        values = len(self) * self._flat.d
        matrix: Vectors = faiss.rev_swig_ptr(self._flat.get_xb(), values)
        return matrix.astype(np.float32, copy=False).reshape(len(self), self._flat.d)

    def nearest(
        self, queries: Vectors, k: int, bitmap: Bitmap | None
    ) -> tuple[Distances, NDArray[np.int64]]:
        similarities, rows = self._flat.search(queries, k, params=bitmap_parameters(bitmap))
        return -np.clip(similarities, -1, 1), rows

    def up_to(
        self, queries: Vectors, distance: float, bitmap: Bitmap | None
    ) -> tuple[NDArray[np.int64], Distances, NDArray[np.int64]]:
        lowest = np.float32(-distance)
        # FAISS returns what is above the radius; we promise what is at it, too. Rounding may put
        # opposite vectors a little below -1.
        radius = np.nextafter(lowest, np.float32(-2)) if lowest > -1 else np.float32(-2)
        parameters = bitmap_parameters(bitmap)
        offsets, similarities, rows = self._flat.range_search(
            queries, float(radius), params=parameters
        )
        # Where nothing was found, FAISS makes empty arrays of float64.
        return offsets.astype(np.int64), -np.clip(similarities, -1, 1), rows.astype(np.int64)

    def write(self, sink: Sink) -> None:
        # Through Python, because FAISS does not notice a full disk when it closes its own file.
        writer = faiss.PyCallbackIOWriter(sink.write)  # type: ignore[attr-defined] # not in its stubs
        faiss.write_index(self._flat, writer)


def bitmap_parameters(bitmap: Bitmap | None) -> faiss.SearchParameters | None:
    """Return what restricts one search to the rows of a bitmap; None searches all rows."""
    if bitmap is None:
        return None
    # Its stubs have the C++ constructors; Python's also take arrays, and keep what they are given.
    selector = faiss.IDSelectorBitmap(bitmap)  # type: ignore[call-arg, arg-type]
    return faiss.SearchParameters(sel=selector)  # type: ignore[call-arg]
