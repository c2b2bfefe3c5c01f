"""Updates of a kNN graph: vectors that came, joined with all others block by block, and some gone.

What comes is compared with everything exactly, in both directions, by matrix products of blocks. So
a graph that cells found for many vectors at first, with the recall that it measured, only gets
better.
"""

from typing import Final, NamedTuple

import faiss
import numpy as np
from numpy.typing import NDArray

from indexer.types import Embeddings
from indexer.vectors.faiss_threads import faiss_threads
from indexer.vectors.knn_graph import KnnGraph, Neighbours, Progress, exact_neighbours

_STEP: Final = 65_536  # vectors whose lists are looked at together


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

    Vectors without a place came, and get exact lists. They enter those of the others wherever they
    are nearer than the last there. Lists that lost a vector are found anew, exactly.

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
        Its recall is that of the graph before, which it has at least.
    """
    n, k = len(vectors), before.rows.shape[1]
    staying = places >= 0
    found = Neighbours(np.full((n, k), -1), np.full((n, k), -2, np.float32))
    found.rows[places[staying]] = places[before.rows[staying]]
    found.similarities[places[staying]] = before.similarities[staying]
    is_new = np.ones(n, bool)
    is_new[places[staying]] = False
    changed: NDArray[np.bool_] = np.any(found.rows < 0, axis=1, keepdims=True)[:, 0]
    asked = np.flatnonzero(changed)
    with faiss_threads(threads):
        for start in range(0, len(asked), _STEP):
            own = asked[start : start + _STEP]
            found.rows[own], found.similarities[own] = exact_neighbours(vectors, own, k)
            on_progress(0)
        new = np.flatnonzero(is_new)
        others = np.flatnonzero(~changed)
        for start in range(0, len(others) if len(new) else 0, _STEP):
            own = others[start : start + _STEP]
            changed[own[_enter(vectors, found, own, new)]] = True
            on_progress(len(own))
    return UpdatedGraph(KnnGraph(found.rows, found.similarities, before.recall), changed)


def _enter(
    vectors: Embeddings, found: Neighbours, own: NDArray[np.int64], new: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Let new vectors enter the lists of some others; return the places of those that changed."""
    k = found.rows.shape[1]
    metric = faiss.METRIC_INNER_PRODUCT
    similarities, rows = faiss.knn(vectors[own], vectors[new], min(k, len(new)), metric=metric)
    similarities = np.clip(similarities, -1, 1)
    nearer = np.flatnonzero(similarities[:, 0] > found.similarities[own, -1])
    lists = own[nearer]
    together = np.concatenate([found.similarities[lists], similarities[nearer]], axis=1)
    joined = np.concatenate([found.rows[lists], new[rows[nearer]]], axis=1)
    order = np.lexsort((joined, -together), axis=1)[:, :k]
    found.rows[lists] = np.take_along_axis(joined, order, 1)
    found.similarities[lists] = np.take_along_axis(together, order, 1)
    return nearer
