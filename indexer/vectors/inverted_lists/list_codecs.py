"""List codecs: how vectors in inverted lists are compressed, and compared with queries."""

from collections.abc import Callable
from functools import cache
from typing import Any, Final, NamedTuple, Protocol

import faiss
import numpy as np
from numpy.typing import NDArray

from indexer.types import Embeddings
from indexer.vectors.base import Bitmap
from indexer.vectors.codes.base import UNIT_ROUNDOFF
from indexer.vectors.codes.byte_grid import (
    HIGHEST,
    LOWEST,
    SLACK,
    greatest_length,
    grid_between,
    lengths_of,
    round_queries,
)
from indexer.vectors.faiss_selection import bitmap_selector
from indexer.vectors.inverted_lists.codebook import Codebook

_QUERY_BITS: Final = 4  # to which RaBitQ quantises a query


class Asked(NamedTuple):
    """Queries as a codec's index wants them."""

    queries: Embeddings  # (n, d)
    similarities: NDArray[np.float32]  # (n, p), to be added to those of each list's codes
    units: NDArray[np.float64]  # (n,), by which what the index then finds is multiplied
    lost: NDArray[np.float64]  # (n,), error by rounding the query, infinite if nothing is proven


class ListCodec(Protocol):
    """A way to compress the vectors of a segment."""

    name: str
    eps: float  # see `SegmentCodes.eps`

    def new_index(self) -> Any:
        """Return an empty index without lists' content: a `faiss.IndexIVF`."""

    def encode(self, vectors: Embeddings, lists: NDArray[np.int64]) -> Embeddings:
        """Return what is added to the index of some vectors, (n, d) float32, in their lists."""

    def ask(self, queries: Embeddings, similarities: NDArray[np.float32]) -> Asked:
        """Prepare queries, (n, d) float32, whose similarities to p centroids are (n, p)."""

    def parameters(self, probed: int, bitmap: Bitmap | None) -> faiss.SearchParameters:
        """Return the parameters of one search: how many lists, and which rows count."""

    def constants(self) -> NDArray[np.float64]:
        """Return what was learnt of the encoded vectors, (any,), to be stored beside them."""


class ScalarCodec:
    """A signed byte a dimension, on a grid, of the difference of a vector to its centroid.

    Parameters
    ----------
    codebook : Codebook
    grid : ndarray of shape (2, d), float64
        Of the differences; see `grid_between`.
    eps, longest : float
        Greatest distance of a vector from what its bytes stand for, and greatest length of a row of
        bytes. Of the vectors that were encoded.
    """

    name = "sq8"

    def __init__(
        self, codebook: Codebook, grid: NDArray[np.float64], eps: float = 0.0, longest: float = 0.0
    ) -> None:
        self._codebook = codebook
        self._grid = grid
        self.eps = eps
        self._longest = longest

    @classmethod
    def between(
        cls, codebook: Codebook, low: NDArray[np.float32], high: NDArray[np.float32]
    ) -> "ScalarCodec":
        """Return the codec for differences within some bounds, (d,) each: nothing is clipped."""
        return cls(codebook, grid_between(low, high))

    def new_index(self) -> Any:
        """Return an empty index; see `ListCodec`."""
        index = faiss.IndexIVFScalarQuantizer(
            faiss.IndexFlatIP(self._codebook.dimension),
            self._codebook.dimension,
            len(self._codebook),
            faiss.ScalarQuantizer.QT_8bit_direct_signed,
            faiss.METRIC_INNER_PRODUCT,
        )
        index.by_residual = True  # its searches add the similarity that comes with a list
        index.is_trained = True
        return index

    def encode(self, vectors: Embeddings, lists: NDArray[np.int64]) -> Embeddings:
        """Return whole numbers, -128 to 127; see `ListCodec`."""
        step, origin = self._grid.astype(np.float32)
        difference = vectors - self._codebook.centroids[lists]
        difference -= origin
        divisor = np.where(step > 0, step, 1).astype(np.float32)
        encoded: Embeddings = np.divide(difference, divisor, dtype=np.float32)
        np.clip(np.rint(encoded, out=encoded), LOWEST, HIGHEST, out=encoded)
        longest = greatest_length(encoded)
        self._longest = max(self._longest, longest)
        decoded = encoded * step
        # In float32, that is rounded five times; no part of it is longer than these together.
        whole = 2 + float(np.linalg.norm(origin)) + greatest_length(decoded)
        eps = greatest_length(difference - decoded) + 5 * UNIT_ROUNDOFF * whole
        self.eps = max(self.eps, eps * SLACK)
        return encoded

    def ask(self, queries: Embeddings, similarities: NDArray[np.float32]) -> Asked:
        """Round the queries to bytes; see `ListCodec`."""
        asked = round_queries(queries, self._grid)
        # Similarities to centroids are wrong by d roundings at most (Higham 2002, section 3.1);
        # sums of bytes beyond 2 ** 24 and the result are rounded, too.
        largest = asked.units * lengths_of(asked.rounded) * self._longest + 2
        lost = asked.lost * self._longest + (queries.shape[1] + 4) * UNIT_ROUNDOFF * largest
        given = (similarities + asked.constants[:, None]) / asked.units[:, None]
        rounded = asked.rounded.astype(np.float32)
        return Asked(rounded, given.astype(np.float32), asked.units, lost * SLACK)

    def parameters(self, probed: int, bitmap: Bitmap | None) -> faiss.SearchParameters:
        """Return the parameters of one search; see `ListCodec`."""
        return _parameters(faiss.SearchParametersIVF, bitmap, nprobe=probed)

    def constants(self) -> NDArray[np.float64]:
        """Return bounds and grid, (2 + 2 * d,); see `ListCodec`."""
        return np.concatenate([[self.eps, self._longest], self._grid.ravel()])


class BinaryCodec:
    """A bit a dimension: RaBitQ (Gao and Long, 2024), which needs a random rotation before it.

    It estimates similarities without bias, and proves nothing of a single one.
    """

    name = "rabitq"
    eps = np.inf

    def __init__(self, codebook: Codebook) -> None:
        self._codebook = codebook

    def new_index(self) -> Any:
        """Return an empty index; see `ListCodec`."""
        index = faiss.IndexIVFRaBitQ(
            faiss.IndexFlatIP(self._codebook.dimension),
            self._codebook.dimension,
            len(self._codebook),
            faiss.METRIC_INNER_PRODUCT,
        )
        index.is_trained = True
        return index

    def encode(self, vectors: Embeddings, lists: NDArray[np.int64]) -> Embeddings:
        """Rotate the vectors; see `ListCodec`."""
        return np.ascontiguousarray(vectors @ self._codebook.rotation)

    def ask(self, queries: Embeddings, similarities: NDArray[np.float32]) -> Asked:
        """Rotate the queries; see `ListCodec`."""
        rotated = queries @ self._codebook.rotation
        ones = np.ones(len(queries))
        return Asked(rotated, similarities, ones, np.full(len(queries), np.inf))

    def parameters(self, probed: int, bitmap: Bitmap | None) -> faiss.SearchParameters:
        """Return the parameters of one search; see `ListCodec`."""
        kind = faiss.IVFRaBitQSearchParameters
        return _parameters(kind, bitmap, nprobe=probed, qb=_QUERY_BITS)

    def constants(self) -> NDArray[np.float64]:
        """Return nothing: nothing is learnt."""
        return np.zeros(0)


def _parameters(
    kind: Callable[..., faiss.SearchParameters], bitmap: Bitmap | None, **fields: int
) -> faiss.SearchParameters:
    if bitmap is None:
        return _unfiltered(kind, **fields)
    return kind(sel=bitmap_selector(bitmap), **fields)


@cache
def _unfiltered(
    kind: Callable[..., faiss.SearchParameters], **fields: int
) -> faiss.SearchParameters:
    """Return parameters that searches share: making them takes a hundredth of a millisecond."""
    return kind(**fields)
