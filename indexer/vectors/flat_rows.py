"""Flat rows: float32 vectors in memory or in a mapped file, all compared with each query."""

import faiss
import numpy as np
from numpy.typing import NDArray

from indexer.types import EXACT, Completeness, Embeddings
from indexer.vectors.base import Sink
from indexer.vectors.faiss_selection import bitmap_selector
from indexer.vectors.results import Similarities
from indexer.vectors.segments import Distances, Selection


class FlatRows:
    """Exact search of unit vectors wherever they lie; see `Rows`.

    Distances are negated cosine similarities, cut to [-1, 1] where rounding goes beyond. FAISS's
    functions are called on the array itself, because its indexes own their memory.

    Parameters
    ----------
    vectors : ndarray of shape (n, d), float32
        C-contiguous. What is mapped must be of a file that nobody changes.
    """

    def __init__(self, vectors: Embeddings) -> None:
        self._vectors = vectors
        self._address = faiss.swig_ptr(np.asarray(vectors))

    def __len__(self) -> int:
        return len(self._vectors)

    @property
    def vectors(self) -> Embeddings:
        """The vectors themselves, (n, d) float32."""
        return self._vectors

    @property
    def completeness(self) -> Completeness:
        """That all rows are compared."""
        return EXACT

    def nearest(
        self,
        queries: Embeddings,
        k: int,
        selection: Selection,
        *,
        exact: bool = True,
    ) -> tuple[Distances, NDArray[np.int64]]:
        """Return the distances and rows of the k nearest; see `Rows`."""
        similarities = np.empty((len(queries), k), np.float32)
        rows = np.empty((len(queries), k), np.int64)
        selector = bitmap_selector(selection.bitmap)
        faiss.knn_inner_product(
            faiss.swig_ptr(queries),
            self._address,
            self._vectors.shape[1],
            len(queries),
            len(self),
            k,
            faiss.swig_ptr(similarities),
            faiss.swig_ptr(rows),
            selector,
        )
        return -np.clip(similarities, -1, 1), rows

    def up_to(
        self,
        queries: Embeddings,
        distance: float,
        selection: Selection,
        *,
        exact: bool = True,
    ) -> tuple[NDArray[np.int64], Distances, NDArray[np.int64]]:
        """Return offsets, distances and rows of all within a distance; see `Rows`."""
        lowest = np.float32(-distance)
        # FAISS returns what is above the radius; we promise what is at it, too. Rounding may put
        # opposite vectors a little below -1.
        radius = np.nextafter(lowest, np.float32(-2)) if lowest > -1 else np.float32(-2)
        found = faiss.RangeSearchResult(len(queries))
        selector = bitmap_selector(selection.bitmap)
        faiss.range_search_inner_product(
            faiss.swig_ptr(queries),
            self._address,
            self._vectors.shape[1],
            len(queries),
            len(self),
            float(radius),
            found,
            selector,
        )
        offsets = faiss.rev_swig_ptr(found.lims, len(queries) + 1).astype(np.int64)
        count = int(offsets[-1])
        if not count:  # the pointers may be null
            return offsets, np.zeros(0, np.float32), np.zeros(0, np.int64)
        similarities = faiss.rev_swig_ptr(found.distances, count)
        rows = faiss.rev_swig_ptr(found.labels, count).astype(np.int64)
        return offsets, -np.clip(similarities, -1, 1), rows

    def similarities_of(self, queries: Embeddings, rows: NDArray[np.int64]) -> Similarities:
        """Return the similarities of chosen rows, as a search of one query computes them.

        Parameters
        ----------
        queries : ndarray of shape (n, d), float32
        rows : ndarray of shape (n, m), int64
            Those of each query; -1 for none.

        Returns
        -------
        ndarray of shape (n, m), float32
            Not cut to [-1, 1]; -inf where the row is -1.
        """
        similarities = np.empty(rows.shape, np.float32)
        rows = np.ascontiguousarray(rows)
        faiss.fvec_inner_products_by_idx(  # type: ignore[attr-defined] # not in its stubs
            faiss.swig_ptr(similarities),
            faiss.swig_ptr(queries),
            self._address,
            faiss.swig_ptr(rows),
            self._vectors.shape[1],
            *rows.shape,
        )
        similarities[rows < 0] = -np.inf
        return similarities

    def write(self, sink: Sink) -> None:
        """Write the vectors as an array file (NumPy's .npy)."""
        np.save(sink, self._vectors, allow_pickle=False)
