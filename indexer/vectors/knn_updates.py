"""Updates of a kNN graph: vectors that came, joined with all others, and some gone.

Up to a number of vectors, what comes is compared with everything exactly, in both directions, by
matrix products of blocks. Beyond, that would grow with the square of the vectors, and cells find
what to compare, as for a graph of all.
"""

from functools import partial
from typing import Final, NamedTuple

import faiss
import numpy as np
from numpy.typing import NDArray

from indexer.types import Embeddings
from indexer.vectors.faiss_threads import faiss_threads
from indexer.vectors.knn_graph import KnnGraph, Progress, search_in_parts
from indexer.vectors.neighbour_cells import NeighbourCells, NeighbourSample
from indexer.vectors.neighbour_lists import Neighbours, exact_neighbours

_EXACT_UP_TO: Final = 200_000  # vectors
_STEP: Final = 65_536  # vectors whose lists are looked at together
_ENTERED: Final = 128  # others of a new vector into whose lists it may come, by cells


class UpdatedGraph(NamedTuple):
    """A kNN graph, and which lists of it are not as they were."""

    graph: KnnGraph
    changed: NDArray[np.bool_]  # (n,)


def update_knn_graph(
    vectors: Embeddings,
    before: KnnGraph,
    places: NDArray[np.int64],
    *,
    threads: int = 1,
    on_progress: Progress = lambda _count: None,
) -> UpdatedGraph:
    """Bring a kNN graph up to date with its vectors.

    Vectors without a place came, and get lists of their own. They enter those of the others
    wherever they are nearer than the last there. Lists that lost a vector are found anew.

    Parameters
    ----------
    vectors : ndarray of shape (n, d), float32, unit rows
        More than the k neighbours of a list.
    before : KnnGraph
        Of m vectors, k each.
    places : ndarray of shape (m,), int64
        The row of each of these now, ascending; -1 where it is gone.
    threads : int
        Cores that are used.
    on_progress : callable
        Called with the number of vectors that are done since the last call; what it raises ends
        the update.

    Returns
    -------
    UpdatedGraph
        Its recall is that of the graph before, which it has at least; where cells were searched,
        it is measured again.
    """
    n, k = len(vectors), before.rows.shape[1]
    staying = places >= 0
    found = Neighbours(np.full((n, k), -1), np.full((n, k), -2, np.float32))
    found.rows[places[staying]] = places[before.rows[staying]]
    found.similarities[places[staying]] = before.similarities[staying]
    is_new = np.ones(n, bool)
    is_new[places[staying]] = False
    changed: NDArray[np.bool_] = np.any(found.rows < 0, axis=1, keepdims=True)[:, 0]
    new = np.flatnonzero(is_new)
    with faiss_threads(threads):
        if n <= _EXACT_UP_TO:
            _join_exactly(vectors, found, new, changed, on_progress)
            return UpdatedGraph(KnnGraph(*found, before.recall), changed)
        recall = _join_by_cells(vectors, found, new, changed, threads, on_progress)
        return UpdatedGraph(KnnGraph(*found, recall), changed)


def _join_exactly(
    vectors: Embeddings,
    found: Neighbours,
    new: NDArray[np.int64],
    changed: NDArray[np.bool_],
    on_progress: Progress,
) -> None:
    """Find the lists that changed, and let new vectors enter the others, which then changed too."""
    k = found.rows.shape[1]
    asked, others = np.flatnonzero(changed), np.flatnonzero(~changed)
    for start in range(0, len(asked), _STEP):
        own = asked[start : start + _STEP]
        found.rows[own], found.similarities[own] = exact_neighbours(vectors, own, k)
        on_progress(0)
    metric = faiss.METRIC_INNER_PRODUCT
    for start in range(0, len(others) if len(new) else 0, _STEP):
        own = others[start : start + _STEP]
        near = faiss.knn(vectors[own], vectors[new], min(k, len(new)), metric=metric)
        similarities, rows = np.clip(near[0], -1, 1), new[near[1]]
        nearer = np.flatnonzero(similarities[:, 0] > found.similarities[own, -1])
        _enter(found, own[nearer], Neighbours(rows[nearer], similarities[nearer]))
        changed[own[nearer]] = True
        on_progress(len(own))


def _join_by_cells(
    vectors: Embeddings,
    found: Neighbours,
    new: NDArray[np.int64],
    changed: NDArray[np.bool_],
    threads: int,
    on_progress: Progress,
) -> float:
    """Do the same among the vectors of the nearest cells; return the recall of all lists."""
    k = found.rows.shape[1]
    random = np.random.default_rng(0)
    cells = NeighbourCells(vectors, random)
    on_progress(0)
    cells.widen(k, random)
    on_progress(0)
    asked = np.flatnonzero(changed)
    lists = search_in_parts(partial(cells.nearest, k=k), asked, k, threads, on_progress)
    found.rows[asked], found.similarities[asked] = lists
    search = partial(cells.nearest, k=_ENTERED)
    around = search_in_parts(search, new, _ENTERED, threads, on_progress)
    others, similarities = around.rows.ravel(), around.similarities.ravel()
    nearer = ~changed[others] & (similarities > found.similarities[others, -1])
    coming = np.repeat(new, _ENTERED)[nearer]
    _enter_all(found, others[nearer], coming, similarities[nearer])
    changed[others[nearer]] = True
    on_progress(len(vectors) - len(asked) - len(new))
    sample = NeighbourSample.draw(vectors, k, random)
    return sample.recall(found.similarities[sample.rows])


def _enter_all(
    found: Neighbours,
    others: NDArray[np.int64],
    new: NDArray[np.int64],
    similarities: NDArray[np.float32],
) -> None:
    """Let vectors enter lists, pair by pair: arrays of (q,), in any order."""
    order = np.lexsort((new, -similarities, others))
    lists, first, sizes = np.unique(others[order], return_index=True, return_counts=True)
    places = np.arange(len(order)) - np.repeat(first, sizes)
    kept = places < found.rows.shape[1]
    owners, places, order = np.repeat(np.arange(len(lists)), sizes)[kept], places[kept], order[kept]
    coming = Neighbours(
        np.full((len(lists), found.rows.shape[1]), -1),
        np.full((len(lists), found.rows.shape[1]), -2, np.float32),
    )
    coming.rows[owners, places] = new[order]
    coming.similarities[owners, places] = similarities[order]
    _enter(found, lists, coming)


def _enter(found: Neighbours, lists: NDArray[np.int64], coming: Neighbours) -> None:
    """Let vectors enter some lists where they are nearer than what is there."""
    k = found.rows.shape[1]
    together = np.concatenate([found.similarities[lists], coming.similarities], axis=1)
    joined = np.concatenate([found.rows[lists], coming.rows], axis=1)
    order = np.lexsort((joined, -together), axis=1)[:, :k]
    found.rows[lists] = np.take_along_axis(joined, order, 1)
    found.similarities[lists] = np.take_along_axis(together, order, 1)
