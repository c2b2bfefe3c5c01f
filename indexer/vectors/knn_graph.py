"""kNN graph: each vector's nearest others; exact for few vectors, by cells (IVF) for many."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Final

import faiss
import numpy as np
from numpy.typing import NDArray

from indexer.types import Embeddings
from indexer.vectors.faiss_threads import faiss_threads
from indexer.vectors.neighbour_cells import NeighbourCells
from indexer.vectors.neighbour_lists import Neighbours, exact_neighbours

EXACT_UP_TO: Final = 20_000
"""Vectors up to which all pairs are compared: seconds, and no approximation to explain."""
_STEP: Final = 4096  # vectors compared at a time

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
    vectors. As many cells are searched as it takes to find most of the true neighbours of a sample,
    but no vector is compared with more than a bounded number of others. What is missed are
    neighbours of strangers, rarely those of a close family, which lies in a cell or two. Neighbours
    that tie are ordered by row; where not all that tie fit, any of them are taken.

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
    vectors: Embeddings, own: NDArray[np.int64], k: int, *, threads: int = 1
) -> KnnGraph:
    """Find the nearest others of some vectors, exactly.

    Parameters
    ----------
    vectors, k, threads
        As for `build_knn_graph`.
    own : ndarray of shape (m,), int64
        Rows of the vectors whose neighbours are wanted.
    """
    k = min(k, len(vectors) - 1)
    if k < 1 or not len(own):
        nobody = np.zeros((len(own), 0))
        return KnnGraph(nobody.astype(np.int64), nobody.astype(np.float32), 1.0)
    with faiss_threads(threads):
        return KnnGraph(*exact_neighbours(vectors, own, k), recall=1.0)


def _exact(vectors: Embeddings, k: int, threads: int, on_progress: Progress) -> KnnGraph:
    search = partial(exact_neighbours, vectors, k=k)
    found = search_in_parts(search, np.arange(len(vectors)), k, threads, on_progress)
    return KnnGraph(found.rows, found.similarities, 1.0)


def _approximate(
    vectors: Embeddings,
    k: int,
    random: np.random.Generator,
    threads: int,
    on_progress: Progress,
) -> KnnGraph:
    cells = NeighbourCells(vectors, random)
    on_progress(0)
    recall = cells.widen(k, random)
    on_progress(0)
    search = partial(cells.nearest, k=k)
    found = search_in_parts(search, np.arange(len(vectors)), k, threads, on_progress)
    return KnnGraph(found.rows, found.similarities, recall)


def search_in_parts(
    search: Callable[[NDArray[np.int64]], Neighbours],
    own: NDArray[np.int64],
    k: int,
    threads: int,
    on_progress: Progress,
) -> Neighbours:
    """Search the k neighbours of some rows, a part at a time; by which thread changes no bit."""
    found = Neighbours.room_for(len(own), k)
    starts = range(0, len(own), _STEP)
    parts = [own[start : start + _STEP] for start in starts]
    pool = ThreadPoolExecutor(threads, initializer=faiss.omp_set_num_threads, initargs=(1,))
    try:
        for start, answer in zip(starts, pool.map(search, parts), strict=True):
            end = start + len(answer.rows)
            found.rows[start:end], found.similarities[start:end] = answer
            on_progress(end - start)
    finally:
        pool.shutdown(cancel_futures=True)
    return found
