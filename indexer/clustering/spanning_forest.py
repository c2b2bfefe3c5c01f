"""Minimum spanning forest of mutual reachability distances, kept from one run to the next.

Of a graph G and further edges E, MST(G + E) = MST(MST(G) + E): by the cycle property an edge that
was the longest of a cycle stays so while no edge gets longer. A run therefore needs the forest of
the run before, and the edges whose vectors changed. Edges get longer only where a neighbour is
gone: there the part of the forest that it was in is found anew.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components, minimum_spanning_tree

from indexer.vectors.knn_graph import KnnGraph

SAME: Final = 0.01
"""Distances below this (cosine 0.99995) count as this: copies of one picture do not lie apart.

Without it a handful of identical vectors is infinitely dense, and the family around it is noise.
"""

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class SpanningForest:
    """The edges of a minimum spanning forest of n vectors, by rising length."""

    vectors: int
    starts: Rows  # (e,)
    ends: Rows  # (e,)
    similarities: NDArray[np.float32]  # (e,), cosines: lengths follow from them and the cores
    lengths: NDArray[np.float64]  # (e,), mutual reachability distances

    def parts(self) -> Rows:
        """Return the number of the tree that each vector is in, (n,)."""
        ones = np.ones(len(self.starts), bool)
        shape = (self.vectors, self.vectors)
        joined = csr_matrix((ones, (self.starts, self.ends)), shape=shape)
        return np.asarray(connected_components(joined, directed=False)[1], np.int64)


def core_distances(neighbours: KnnGraph, min_samples: int) -> NDArray[np.float64]:
    """Return the distance of each vector to the last of its samples, of which it is the first."""
    n, k = neighbours.rows.shape
    if min_samples < 2 or k == 0:  # noqa: PLR2004 -- itself and one more
        return np.zeros(n)
    return _distances(neighbours.similarities[:, min(min_samples - 1, k) - 1])


def spanning_forest(neighbours: KnnGraph, min_samples: int, longest: float) -> SpanningForest:
    """Find the minimum spanning forest of a kNN graph.

    Parameters
    ----------
    neighbours : KnnGraph
        At least `min_samples` of each of n vectors.
    min_samples : int
        The vector itself and its nearest others within whose distance its density is measured.
    longest : float
        Mutual reachability distance beyond which nothing is joined.
    """
    n, k = neighbours.rows.shape
    core = core_distances(neighbours, min_samples)
    starts, ends = np.repeat(np.arange(n), k), neighbours.rows.ravel()
    return _tree_of(n, starts, ends, neighbours.similarities.ravel(), core, longest)


def grow_forest(  # noqa: PLR0913 -- what changed since
    before: SpanningForest,
    places: Rows,
    neighbours: KnnGraph,
    changed: NDArray[np.bool_],
    core_before: NDArray[np.float64],
    *,
    min_samples: int,
    longest: float,
) -> SpanningForest:
    """Bring a forest up to date with its graph: the edges of what changed alone are looked at.

    The answer is the minimum spanning forest of the graph's edges and those of the forest before.

    Parameters
    ----------
    before : SpanningForest
        Of m vectors, by the same `min_samples` and `longest`.
    places : ndarray of shape (m,), int64
        The row of each of these now; -1 where it is gone.
    neighbours : KnnGraph
        Of the n vectors that there are now.
    changed : ndarray of shape (n,), bool
        Whose lists are not as they were, new vectors' among them.
    core_before : ndarray of shape (m,), float64
        Core distances, before.
    min_samples, longest
        As for `spanning_forest`.
    """
    n, k = neighbours.rows.shape
    core = core_distances(neighbours, min_samples)
    staying = np.flatnonzero(places >= 0)
    hurt = places < 0
    hurt[staying] = core[places[staying]] > core_before[staying]
    afresh = np.zeros(n, bool)  # in a tree that may have got longer
    if hurt.any():
        part = before.parts()
        within = np.isin(part, part[hurt])
        afresh[places[staying]] = within[staying]
    starts, ends = np.repeat(np.arange(n), k), neighbours.rows.ravel()
    wanted = changed[starts] | changed[ends] | (afresh[starts] & afresh[ends])
    kept = (places[before.starts] >= 0) & (places[before.ends] >= 0)
    starts = np.concatenate([places[before.starts[kept]], starts[wanted]])
    ends = np.concatenate([places[before.ends[kept]], ends[wanted]])
    similarities = np.concatenate(
        [before.similarities[kept], neighbours.similarities.ravel()[wanted]]
    )
    edges, first = np.unique(
        np.minimum(starts, ends) * n + np.maximum(starts, ends), return_index=True
    )
    starts, ends, similarities = edges // n, edges % n, similarities[first]
    return _tree_of(n, starts, ends, similarities, core, longest)


def _tree_of(
    n: int,
    starts: Rows,
    ends: Rows,
    similarities: NDArray[np.float32],
    core: NDArray[np.float64],
    longest: float,
) -> SpanningForest:
    """Return the forest of edges, ordered by where they start; it has none beyond the longest."""
    lengths = np.maximum(core[starts], core[ends])
    np.maximum(lengths, _distances(similarities), out=lengths)
    short = np.flatnonzero(lengths <= longest)
    order = short[np.argsort(lengths[short], kind="stable")]
    # by rank, so that the tree says which edges it is made of
    ranks = np.empty(len(lengths))
    ranks[order] = np.arange(1, len(order) + 1)
    rows = np.searchsorted(starts[short], np.arange(n + 1))
    graph = csr_matrix((ranks[short], ends[short], rows), shape=(n, n))
    tree = np.sort(minimum_spanning_tree(graph).data).astype(np.int64) - 1
    edges = order[tree]
    return SpanningForest(n, starts[edges], ends[edges], similarities[edges], lengths[edges])


def _distances(similarities: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return Euclidean distances of unit vectors from their cosines."""
    return np.sqrt(np.maximum(2 - 2 * similarities.astype(np.float64), SAME**2))
