"""Neighbour lists: of each vector the nearest others, exact or chosen among candidates."""

from typing import Final, NamedTuple, Self

import faiss
import numpy as np
from numpy.typing import NDArray

from indexer.types import Embeddings

_GATHERED: Final = 64  # vectors whose candidates are gathered at a time: they stay in the cache


class Neighbours(NamedTuple):
    """Rows and similarities, (n, k) each."""

    rows: NDArray[np.int64]
    similarities: NDArray[np.float32]

    @classmethod
    def room_for(cls, n: int, k: int) -> Self:
        """Return arrays that are not filled yet."""
        return cls(np.empty((n, k), np.int64), np.empty((n, k), np.float32))


def exact_neighbours(vectors: Embeddings, own: NDArray[np.int64], k: int) -> Neighbours:
    """Find the k nearest others of some rows among all.

    Parameters
    ----------
    vectors : ndarray of shape (n, d), float32, unit rows
    own : ndarray of shape (m,), int64
        Rows whose neighbours are wanted.
    k : int
        Neighbours of each, fewer than n.

    Returns
    -------
    Neighbours
        Of shape (m, k), nearest first, ties by row.
    """
    similarities, rows = faiss.knn(vectors[own], vectors, k + 1, metric=faiss.METRIC_INNER_PRODUCT)
    return _without_self(rows, np.clip(similarities, -1, 1), own)


def nearest_of(
    vectors: Embeddings, own: NDArray[np.int64], candidates: NDArray[np.int64], k: int
) -> Neighbours:
    """Choose the k nearest of the candidates of some rows by their full vectors.

    Parameters
    ----------
    vectors, own, k
        As for `exact_neighbours`.
    candidates : ndarray of shape (m, c), int64
        Rows, c > k; -1 where there is none.

    Returns
    -------
    Neighbours
        Of shape (m, k), nearest first, ties by row; -1 and a cosine of -2 where candidates lack.
    """
    measured = _measure(vectors, vectors[own], candidates)
    order = np.lexsort((candidates, -measured), axis=1)[:, : k + 1]
    rows = np.take_along_axis(candidates, order, 1)
    return _without_self(rows, np.take_along_axis(measured, order, 1), own)


def _measure(
    vectors: Embeddings, queries: Embeddings, candidates: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Return the cosine of each query to each of its candidates; -2 where there is none (-1)."""
    measured = np.empty(candidates.shape, np.float32)
    for start in range(0, len(candidates), _GATHERED):
        part = slice(start, start + _GATHERED)
        gathered = vectors[candidates[part]]
        measured[part] = np.matmul(gathered, queries[part, :, np.newaxis])[:, :, 0]
    return np.where(candidates < 0, np.float32(-2), np.clip(measured, -1, 1))


def _without_self(
    rows: NDArray[np.int64], similarities: NDArray[np.float32], own: NDArray[np.int64]
) -> Neighbours:
    """Drop each query from its own neighbours, or the farthest where copies came before it.

    The rest is put in order: FAISS leaves rows that tie as they come.
    """
    order = np.lexsort((rows, -similarities), axis=1)
    rows = np.take_along_axis(rows, order, 1)
    similarities = np.take_along_axis(similarities, order, 1)
    dropped = rows == own[:, np.newaxis]
    dropped[~dropped.any(axis=1), -1] = True
    n, k = len(rows), rows.shape[1] - 1
    return Neighbours(rows[~dropped].reshape(n, k), similarities[~dropped].reshape(n, k))
