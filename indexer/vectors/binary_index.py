"""Binary index: packed bits in memory, compared by Hamming distance with FAISS."""

from pathlib import Path
from typing import ClassVar

import faiss
import numpy as np
from numpy.typing import NDArray

from indexer.errors import DimensionMismatch, InputError, SnapshotMismatch
from indexer.types import EXACT, Completeness, PdqBits, Vectors
from indexer.vectors.base import KeySet, SegmentRecord, Sink
from indexer.vectors.faiss_files import callback_writer
from indexer.vectors.faiss_selection import bitmap_parameters
from indexer.vectors.results import DistanceHits, DistanceRangeHits
from indexer.vectors.segmented import SegmentedIndex
from indexer.vectors.segments import Distances, Selection

PDQ_BITS = 256


class BinaryIndex(SegmentedIndex):
    """Exact nearest neighbours by Hamming distance; see `VectorIndex`.

    Parameters
    ----------
    dimension : int
        Bits of every vector, a multiple of 8.

    Raises
    ------
    InputError
        The bits do not fill whole bytes.
    """

    metric: ClassVar[str] = "hamming"
    _no_distance: ClassVar[np.int32] = np.int32(np.iinfo(np.int32).max)
    _suffix: ClassVar[str] = "faiss"

    def __init__(self, dimension: int = PDQ_BITS) -> None:
        if dimension < 1 or dimension % 8:
            raise InputError(
                f"The bits of a binary index must be a multiple of 8, got {dimension}."
            )
        super().__init__(dimension)

    def search(
        self,
        queries: PdqBits,
        k: int,
        within: KeySet | None = None,
        *,
        exact: bool = False,
    ) -> DistanceHits:
        """Find the k keys of lowest Hamming distance; see `VectorIndex`."""
        keys, distances = self._nearest(queries, k, within, exact=exact)
        return DistanceHits(keys=keys, distances=distances)

    def range_search(
        self,
        queries: PdqBits,
        threshold: float,
        within: KeySet | None = None,
        *,
        exact: bool = False,
    ) -> DistanceRangeHits:
        """Find every key whose Hamming distance is `threshold` bits or less; see `VectorIndex`."""
        if not 0 <= threshold <= self.dimension:
            raise InputError(
                f"The distance threshold must be 0 to {self.dimension} bits, got {threshold}."
            )
        offsets, keys, distances = self._up_to(queries, threshold, within, exact=exact)
        return DistanceRangeHits(offsets=offsets, keys=keys, distances=distances)

    def _checked(self, vectors: Vectors) -> Vectors:
        array = np.asarray(vectors)
        if array.ndim != 2 or array.dtype != np.uint8:  # noqa: PLR2004 - rows and columns
            raise InputError(
                f"Bits must be packed in rows of uint8, got {array.dtype} of shape "
                f"{array.shape}. Pass uint8 of shape (n, {self.dimension // 8})."
            )
        if array.shape[1] * 8 != self.dimension:
            raise DimensionMismatch(expected=self.dimension, got=array.shape[1] * 8)
        return np.ascontiguousarray(array)

    def _allocate(self, count: int) -> "_BinaryRows":
        flat = faiss.IndexBinaryFlat(self.dimension)
        flat.xb.resize(count * flat.code_size)  # type: ignore[attr-defined] # not in its stubs
        flat.ntotal = count
        return _BinaryRows(flat)

    def _read(self, folder: Path, record: SegmentRecord) -> "_BinaryRows":
        path = folder / self._vectors_file(record.id)
        try:
            flat = faiss.read_index_binary(str(path))
        except RuntimeError as error:
            raise SnapshotMismatch(f"{path} is not a FAISS binary index: {error}") from error
        if not isinstance(flat, faiss.IndexBinaryFlat) or flat.d != self.dimension:
            raise SnapshotMismatch(
                f"{path} holds a {type(flat).__name__} of {flat.d} bits, expected an "
                f"IndexBinaryFlat of {self.dimension}. Delete it: the view is rebuilt from the log."
            )
        return _BinaryRows(flat)


class _BinaryRows:
    """Gaps are Hamming distances in bits."""

    def __init__(self, flat: faiss.IndexBinaryFlat) -> None:
        self._flat = flat

    def __len__(self) -> int:
        return int(self._flat.ntotal)

    @property
    def vectors(self) -> Vectors:
        memory = self._flat.xb.data()  # type: ignore[attr-defined] # not in its stubs
        matrix: Vectors = faiss.rev_swig_ptr(memory, len(self) * self._flat.code_size)
        return matrix.astype(np.uint8, copy=False).reshape(len(self), self._flat.code_size)

    @property
    def completeness(self) -> Completeness:
        return EXACT

    def nearest(
        self,
        queries: Vectors,
        k: int,
        selection: Selection,
        *,
        exact: bool,
    ) -> tuple[Distances, NDArray[np.int64]]:
        distances, rows = self._flat.search(queries, k, params=bitmap_parameters(selection.bitmap))
        return distances, rows

    def up_to(
        self,
        queries: Vectors,
        distance: float,
        selection: Selection,
        *,
        exact: bool,
    ) -> tuple[NDArray[np.int64], Distances, NDArray[np.int64]]:
        # FAISS returns what is below the radius; we promise what is at it, too.
        offsets, distances, rows = self._flat.range_search(
            queries, int(distance) + 1, params=bitmap_parameters(selection.bitmap)
        )
        # Where nothing was found, FAISS makes empty arrays of float64.
        return offsets.astype(np.int64), distances, rows.astype(np.int64)

    def write(self, sink: Sink) -> None:
        faiss.write_index_binary(self._flat, callback_writer(sink))
