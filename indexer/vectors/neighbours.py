"""Each vector's nearest others, for clustering: exact for few vectors, by a graph for many."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import faiss
import numpy as np
from numpy.typing import NDArray

from indexer.types import Embeddings

EXACT_UP_TO: Final = 20_000
"""Vectors up to which all pairs are compared: seconds, and no approximation to explain."""
_SAMPLE: Final = 20_000  # vectors that the reduction is fitted on
_KEPT: Final = 0.97  # share of the vectors' energy that the reduction keeps, ...
_MOST_DIMENSIONS: Final = 64  # ... where so many dimensions are enough for it
_LINKS: Final = 12  # of a node of the graph (HNSW's M)
_BUILD_BREADTH: Final = 40  # HNSW's efConstruction
_SPARE: Final = 2  # candidates looked at in full for each neighbour that is wanted
_STEP: Final = 1024  # vectors compared at a time
_PROBES: Final = 500  # vectors whose neighbours are also looked up exactly

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The k nearest others of each of n vectors."""

    rows: NDArray[np.int64]  # (n, k), nearest first
    similarities: NDArray[np.float32]  # (n, k), cosine
    recall: float  # share of the true neighbours that are among them, measured on a sample

    def __len__(self) -> int:
        return len(self.rows)


def find_neighbours(
    vectors: Embeddings,
    k: int,
    *,
    seed: int = 0,
    threads: int = 1,
    on_progress: Progress = lambda _count: None,
) -> Neighbours:
    """Find each vector's nearest others.

    Up to `EXACT_UP_TO` vectors this is exact. Beyond, an HNSW graph (Malkov and Yashunin, 2016)
    over the vectors' leading principal directions nominates candidates, whose similarities are
    then measured on the full vectors; the recall of a sample says how good that was.

    Parameters
    ----------
    vectors : ndarray of shape (n, d), float32, unit rows
    k : int
        Neighbours wanted; n - 1 where there are fewer.
    seed : int
        Of the samples; the same one gives the same answer with one thread.
    threads : int
        Cores that are used.
    on_progress : callable
        Called with the number of vectors that are done since the last call; what it raises ends
        the search.

    Returns
    -------
    Neighbours
    """
    k = min(k, len(vectors) - 1)
    if k < 1:
        nobody = np.zeros((len(vectors), 0))
        return Neighbours(nobody.astype(np.int64), nobody.astype(np.float32), 1.0)
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(threads)
    try:
        if len(vectors) <= EXACT_UP_TO:
            return _exact(vectors, k, on_progress)
        return _approximate(vectors, k, np.random.default_rng(seed), on_progress)
    finally:
        faiss.omp_set_num_threads(before)


def _exact(vectors: Embeddings, k: int, on_progress: Progress) -> Neighbours:
    rows = np.empty((len(vectors), k), np.int64)
    similarities = np.empty((len(vectors), k), np.float32)
    for start in range(0, len(vectors), _STEP):
        part = slice(start, start + _STEP)
        found = faiss.knn(vectors[part], vectors, k + 1, metric=faiss.METRIC_INNER_PRODUCT)
        rows[part], similarities[part] = _without_self(*found[::-1], start, k)
        on_progress(len(rows[part]))
    return Neighbours(rows, similarities, 1.0)


def _approximate(
    vectors: Embeddings, k: int, random: np.random.Generator, on_progress: Progress
) -> Neighbours:
    reduced = _reduce(vectors, random)
    graph = faiss.IndexHNSWFlat(reduced.shape[1], _LINKS, faiss.METRIC_L2)
    graph.hnsw.efConstruction = _BUILD_BREADTH
    for start in range(0, len(reduced), _STEP * 8):
        graph.add(reduced[start : start + _STEP * 8])
        on_progress(0)
    wanted = _SPARE * k + 1
    breadth = faiss.SearchParametersHNSW(efSearch=max(48, wanted))  # type: ignore[attr-defined] # not in its stubs
    rows = np.empty((len(vectors), k), np.int64)
    similarities = np.empty((len(vectors), k), np.float32)
    for start in range(0, len(vectors), _STEP):
        part = slice(start, start + _STEP)
        _, candidates = graph.search(reduced[part], wanted, params=breadth)
        measured = _measure(vectors, vectors[part], candidates)
        order = np.argsort(-measured, axis=1, kind="stable")[:, : k + 1]
        rows[part], similarities[part] = _without_self(
            np.take_along_axis(candidates, order, 1),
            np.take_along_axis(measured, order, 1),
            start,
            k,
        )
        on_progress(len(rows[part]))
    return Neighbours(rows, similarities, _recall(vectors, rows, random))


def _reduce(vectors: Embeddings, random: np.random.Generator) -> Embeddings:
    """Turn to the directions in which the vectors lie, and keep those with most of the energy."""
    sample = vectors[np.sort(random.choice(len(vectors), min(len(vectors), _SAMPLE), False))]  # noqa: FBT003 -- NumPy's replace
    energies, directions = np.linalg.eigh(sample.T @ sample)  # ascending
    shares = np.cumsum(energies[::-1]) / energies.sum()
    enough = min(_MOST_DIMENSIONS, int(np.searchsorted(shares, _KEPT)) + 1, len(shares))
    return np.ascontiguousarray(vectors @ directions[:, ::-1][:, :enough], dtype=np.float32)


def _measure(
    vectors: Embeddings, queries: Embeddings, candidates: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Return the cosine of each query to each of its candidates; -2 where there is none (-1)."""
    measured = np.matmul(vectors[candidates], queries[:, :, np.newaxis])[:, :, 0]
    return np.where(candidates < 0, np.float32(-2), np.clip(measured, -1, 1))


def _without_self(
    rows: NDArray[np.int64], similarities: NDArray[np.float32], first: int, k: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Drop each query from its own neighbours, or the farthest where copies came before it."""
    own = rows == np.arange(first, first + len(rows))[:, np.newaxis]
    own[~own.any(axis=1), -1] = True
    kept = ~own
    return rows[kept].reshape(-1, k), np.clip(similarities[kept].reshape(-1, k), -1, 1)


def _recall(vectors: Embeddings, rows: NDArray[np.int64], random: np.random.Generator) -> float:
    """Return the share of true neighbours that were found, ties by similarity counted as found."""
    probes = np.sort(random.choice(len(vectors), min(len(vectors), _PROBES), False))  # noqa: FBT003 -- as above
    k = rows.shape[1]
    truth, _ = faiss.knn(vectors[probes], vectors, k + 1, metric=faiss.METRIC_INNER_PRODUCT)
    reached = _measure(vectors, vectors[probes], rows[probes])
    farthest = truth[:, -1:] - np.float32(1e-6)
    return float((reached >= farthest).mean())
