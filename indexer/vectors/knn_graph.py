"""kNN graph: each vector's nearest others; exact for few vectors, by cells (IVF) for many."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, NamedTuple, Self

import faiss
import numpy as np
from numpy.typing import NDArray

from indexer.types import Embeddings
from indexer.vectors.faiss_threads import faiss_threads

EXACT_UP_TO: Final = 20_000
"""Vectors up to which all pairs are compared: seconds, and no approximation to explain."""
_SAMPLE: Final = 20_000  # vectors that the reduction is fitted on
_KEPT: Final = 0.97  # share of the vectors' energy that the reduction keeps, ...
_MOST_DIMENSIONS: Final = 64  # ... where so many dimensions are enough for it
_CELLS: Final = 2  # cells of the index for each root of the vectors' number
_PROBED: Final = 8  # cells that a vector's neighbours are looked for in, more until ...
_ENOUGH: Final = 0.87  # ... so large a share of the true neighbours of a sample is found
_TRAINING: Final = 64  # vectors that each cell's centre is learnt from
_ROUNDS: Final = 8  # of k-means
_SPARE: Final = 1.5  # candidates looked at in full for each neighbour that is wanted
_STEP: Final = 4096  # vectors compared at a time
_GATHERED: Final = 64  # vectors whose candidates are gathered at a time: they stay in the cache
_PROBES: Final = 200  # vectors whose neighbours are also looked up exactly, ...
_PARTS: Final = 10  # ... in so many parts: each takes 20 floats for each of all vectors

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class KnnGraph:
    """The k nearest others of each of n vectors."""

    rows: NDArray[np.int64]  # (n, k), nearest first, ties by row
    similarities: NDArray[np.float32]  # (n, k), cosine
    recall: float
    """Share of the true neighbours that are among them, measured on a sample, or 1."""

    def __len__(self) -> int:
        return len(self.rows)


def build_knn_graph(
    vectors: Embeddings,
    k: int,
    *,
    seed: int = 0,
    threads: int = 1,
    on_progress: Progress = lambda _count: None,
) -> KnnGraph:
    """Find each vector's nearest others.

    Up to `EXACT_UP_TO` vectors this is exact. Beyond, an inverted file over the vectors' leading
    principal directions finds candidates, whose similarities are then measured on the full
    vectors. As many cells are searched as it takes to find most of the true neighbours of a sample.
    What is missed are those of strangers, rarely those of a close family, which lies in a cell or
    two. Neighbours that tie are ordered by row; where not all that tie fit, any of them are taken.

    Parameters
    ----------
    vectors : ndarray of shape (n, d), float32, unit rows
    k : int
        Neighbours wanted; n - 1 where there are fewer.
    seed : int
        Of the samples; on one machine the same one gives the same answer.
    threads : int
        Cores that are used. Up to `EXACT_UP_TO` the answer is the same with any number of them;
        beyond, the cells are learnt by all together, and may round otherwise.
    on_progress : callable
        Called with the number of vectors that are done since the last call; what it raises ends
        the search.

    Returns
    -------
    KnnGraph
    """
    k = min(k, len(vectors) - 1)
    if k < 1:
        nobody = np.zeros((len(vectors), 0))
        return KnnGraph(nobody.astype(np.int64), nobody.astype(np.float32), 1.0)
    with faiss_threads(threads):
        if len(vectors) <= EXACT_UP_TO:
            return _exact(vectors, k, threads, on_progress)
        random = np.random.default_rng(seed)
        return _approximate(vectors, k, random, threads, on_progress)


def find_neighbours(
    vectors: Embeddings, own: NDArray[np.int64], k: int, *, seed: int = 0, threads: int = 1
) -> KnnGraph:
    """Find the nearest others of some vectors: quicker than a graph of all where these are few.

    Up to `EXACT_UP_TO` vectors this is exact. Beyond, candidates are found among the vectors'
    leading principal directions.

    Parameters
    ----------
    vectors, k, seed, threads
        As for `build_knn_graph`.
    own : ndarray of shape (m,), int64
        Rows of the vectors whose neighbours are wanted.
    """
    k = min(k, len(vectors) - 1)
    if k < 1 or not len(own):
        nobody = np.zeros((len(own), 0))
        return KnnGraph(nobody.astype(np.int64), nobody.astype(np.float32), 1.0)
    with faiss_threads(threads):
        if len(vectors) <= EXACT_UP_TO:
            return KnnGraph(*exact_neighbours(vectors, own, k), recall=1.0)
        reduced = _reduce(vectors, np.random.default_rng(seed))
        wanted = min(int(_SPARE * k) + 1, len(vectors))
        metric = faiss.METRIC_INNER_PRODUCT
        _, candidates = faiss.knn(reduced[own], reduced, wanted, metric=metric)
        return KnnGraph(*_measured(vectors, own, candidates, k), recall=1.0)


def _exact(vectors: Embeddings, k: int, threads: int, on_progress: Progress) -> KnnGraph:
    search = partial(exact_neighbours, vectors, k=k)
    found = _in_parts(search, len(vectors), k, threads, on_progress)
    return KnnGraph(found.rows, found.similarities, 1.0)


def _approximate(
    vectors: Embeddings,
    k: int,
    random: np.random.Generator,
    threads: int,
    on_progress: Progress,
) -> KnnGraph:
    cells = _Cells(vectors, random)
    on_progress(0)
    probes = np.sort(random.choice(len(vectors), _PROBES, replace=False))
    recall = cells.widen(probes, k)
    on_progress(0)
    found = _in_parts(partial(cells.nearest, k=k), len(vectors), k, threads, on_progress)
    return KnnGraph(found.rows, found.similarities, recall)


class Neighbours(NamedTuple):
    """Rows and similarities, (n, k) each."""

    rows: NDArray[np.int64]
    similarities: NDArray[np.float32]

    @classmethod
    def room_for(cls, n: int, k: int) -> Self:
        """Return arrays that are not filled yet."""
        return cls(np.empty((n, k), np.int64), np.empty((n, k), np.float32))


def _in_parts(
    search: Callable[[NDArray[np.int64]], Neighbours],
    n: int,
    k: int,
    threads: int,
    on_progress: Progress,
) -> Neighbours:
    """Search the neighbours of all rows, some at a time; by which thread changes no bit."""
    found = Neighbours.room_for(n, k)
    parts = np.split(np.arange(n), range(_STEP, n, _STEP))
    pool = ThreadPoolExecutor(threads, initializer=faiss.omp_set_num_threads, initargs=(1,))
    try:
        for own, answer in zip(parts, pool.map(search, parts), strict=True):
            found.rows[own], found.similarities[own] = answer
            on_progress(len(own))
    finally:
        pool.shutdown(cancel_futures=True)
    return found


class _Cells:
    """Vectors in cells around centres, of which those nearest to a vector are searched."""

    def __init__(self, vectors: Embeddings, random: np.random.Generator) -> None:
        self._vectors = vectors
        self._reduced = _reduce(vectors, random)
        n, dimension = self._reduced.shape
        self._cells = int(_CELLS * n**0.5)
        index: Any = faiss.index_factory(dimension, f"IVF{self._cells},Flat")
        index.cp.niter, index.nprobe = _ROUNDS, _PROBED
        sample = np.sort(random.choice(n, min(n, _TRAINING * self._cells), replace=False))
        index.train(self._reduced[sample])
        index.add(self._reduced)
        self._index = index

    def widen(self, probes: NDArray[np.int64], k: int) -> float:
        """Search more cells until enough neighbours of some rows are found; return the share.

        Ties by similarity count as found.
        """
        parts = [self._nearest_similarities(some, k) for some in np.split(probes, _PARTS)]
        true = np.concatenate(parts)
        least = true.min(axis=1, keepdims=True) - np.float32(1e-6)
        while True:
            recall = float((self.nearest(probes, k).similarities >= least).mean())
            if recall >= _ENOUGH or self._index.nprobe >= self._cells:
                return recall
            self._index.nprobe *= 2

    def _nearest_similarities(self, own: NDArray[np.int64], k: int) -> NDArray[np.float32]:
        """Return how alike the k nearest others of some rows are; quicker than to find them."""
        similarities = self._vectors[own] @ self._vectors.T
        similarities[np.arange(len(own)), own] = -2
        nearest: NDArray[np.float32] = np.partition(similarities, -k, axis=1)[:, -k:]
        return nearest

    def nearest(self, own: NDArray[np.int64], k: int) -> Neighbours:
        """Find the k nearest others of some rows."""
        _, candidates = self._index.search(self._reduced[own], int(_SPARE * k) + 1)
        found = _measured(self._vectors, own, candidates, k)
        lacking = np.flatnonzero((found.rows < 0).any(axis=1))  # the cells hold too few
        if len(lacking):
            exact = exact_neighbours(self._vectors, own[lacking], k)
            found.rows[lacking], found.similarities[lacking] = exact
        return found


def _measured(
    vectors: Embeddings, own: NDArray[np.int64], candidates: NDArray[np.int64], k: int
) -> Neighbours:
    """Choose the k nearest of the candidates of some rows by their full vectors."""
    measured = _measure(vectors, vectors[own], candidates)
    order = np.lexsort((candidates, -measured), axis=1)[:, : k + 1]
    rows = np.take_along_axis(candidates, order, 1)
    return _without_self(rows, np.take_along_axis(measured, order, 1), own)


def exact_neighbours(vectors: Embeddings, own: NDArray[np.int64], k: int) -> Neighbours:
    """Find the k nearest others of some rows among all."""
    similarities, rows = faiss.knn(vectors[own], vectors, k + 1, metric=faiss.METRIC_INNER_PRODUCT)
    return _without_self(rows, np.clip(similarities, -1, 1), own)


def _reduce(vectors: Embeddings, random: np.random.Generator) -> Embeddings:
    """Turn to the directions in which the vectors lie, and keep those with most of the energy."""
    sample = vectors[
        np.sort(random.choice(len(vectors), min(len(vectors), _SAMPLE), replace=False))
    ]
    energies, directions = np.linalg.eigh(sample.T @ sample)  # ascending
    shares = np.cumsum(energies[::-1]) / energies.sum()
    enough = min(_MOST_DIMENSIONS, int(np.searchsorted(shares, _KEPT)) + 1, len(shares))
    return np.ascontiguousarray(vectors @ directions[:, ::-1][:, :enough], dtype=np.float32)


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
