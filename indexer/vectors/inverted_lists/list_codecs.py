"""List codecs: how vectors in inverted lists are compressed, and compared with queries."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple, Protocol

import faiss
import numpy as np
from numpy.typing import NDArray

from indexer.types import Embeddings
from indexer.vectors.base import Bitmap
from indexer.vectors.inverted_lists.codebook import Codebook

_LOWEST, _HIGHEST = -128, 127
_QUERY_BITS: Final = 4  # to which RaBitQ quantises a query
_ROUNDOFF: Final = 2.0**-24  # of float32
_SLACK: Final = 1 + 1e-6  # for the rounding of the bounds themselves


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

    As in `Sq8Codes`, grid and query are such that FAISS compares bytes with bytes.

    Parameters
    ----------
    codebook : Codebook
    grid : ndarray of shape (2, d), float64
        Step and origin of each dimension: a difference is about `grid[1] + grid[0] * bytes`.
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
        step = (high.astype(np.float64) - low) / (_HIGHEST - _LOWEST)
        return cls(codebook, np.stack([step, low - _LOWEST * step]))

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
        np.clip(np.rint(encoded, out=encoded), _LOWEST, _HIGHEST, out=encoded)
        longest = _greatest_length(encoded)
        self._longest = max(self._longest, longest)
        decoded = encoded * step
        # In float32, that is rounded five times; no part of it is longer than these together.
        whole = 2 + float(np.linalg.norm(origin)) + _greatest_length(decoded)
        eps = _greatest_length(difference - decoded) + 5 * _ROUNDOFF * whole
        self.eps = max(self.eps, eps * _SLACK)
        return encoded

    def ask(self, queries: Embeddings, similarities: NDArray[np.float32]) -> Asked:
        """Round the queries to bytes; see `ListCodec`.

        Of a query q, steps s, bytes c and a query rounded to g * b, the similarity s * q . c is
        wrong by |s * q - g * b| |c| at most (Cauchy-Schwarz).
        """
        step, origin = self._grid
        exact = queries.astype(np.float64)
        weighted = exact * step
        greatest = np.abs(weighted).max(axis=1)
        units = np.where(greatest > 0, greatest / _HIGHEST, 1.0)
        rounded = np.rint(weighted / units[:, None])
        lost = np.linalg.norm(weighted - units[:, None] * rounded, axis=1) * self._longest
        # Similarities to centroids are wrong by d roundings at most (Higham 2002, section 3.1);
        # sums of bytes beyond 2 ** 24 and the result are rounded, too.
        largest = units * np.linalg.norm(rounded, axis=1) * self._longest + 2
        lost += (queries.shape[1] + 4) * _ROUNDOFF * largest
        given = (similarities + (exact @ origin)[:, None]) / units[:, None]
        return Asked(rounded.astype(np.float32), given.astype(np.float32), units, lost * _SLACK)

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

    def encode(self, vectors: Embeddings, lists: NDArray[np.int64]) -> Embeddings:  # noqa: ARG002
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
    # FAISS's stubs have the C++ constructors; Python's also take fields and arrays.
    selector = None if bitmap is None else faiss.IDSelectorBitmap(bitmap)  # type: ignore[call-arg, arg-type]
    return kind(sel=selector, **fields)


def _greatest_length(vectors: NDArray[np.floating]) -> float:
    return float(np.sqrt(np.einsum("ij,ij->i", vectors, vectors).max(initial=0.0)))
