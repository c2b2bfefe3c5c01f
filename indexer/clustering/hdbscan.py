"""HDBSCAN on a kNN graph, or on the minimum spanning forest of one."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Final, cast

import numpy as np
from numpy.typing import NDArray

from indexer.clustering.spanning_forest import SAME, SpanningForest, spanning_forest
from indexer.vectors.knn_graph import KnnGraph

_UNRELATED: Final = 2.0
"""Length of an edge between vectors that no path of the graph joins: that of opposite ones."""


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """Which cluster each vector is in, and how well."""

    labels: NDArray[np.int64]  # (n,); -1 for noise
    probabilities: NDArray[np.float64]  # (n,), 0 to 1; 0 for noise
    outlier_scores: NDArray[np.float64]  # (n,), 0 to 1 (GLOSH), 1 is an outlier


def hdbscan(
    neighbours: KnnGraph, *, min_cluster_size: int, min_samples: int, max_link: float = 2.0
) -> Hierarchy:
    """Cluster by density at all scales (HDBSCAN*, Campello, Moulavi, Zimek and Sander, 2015).

    The distance is Euclidean between unit vectors, sqrt(2 - 2 cosine). The minimum spanning tree is
    that of the mutual reachability distances along the graph; parts of the graph that nothing joins
    are taken for as far apart as can be. scikit-learn makes the tree of clusters and picks from it
    (excess of mass).

    Reachability ties wherever one vector's core distance decides several edges. What is joined at
    one distance is joined the largest parts first, so that a small part between two clusters is
    in neither of them, and the answer depends on the distances alone: not on which of several
    minimum spanning trees is found. Clusters are numbered by their first vector.

    Parameters
    ----------
    neighbours : KnnGraph
        At least `min_samples` of each vector.
    min_cluster_size : int
        Vectors that a cluster has at least, 2 or more.
    min_samples : int
        The vector itself and its nearest others within whose distance its density is measured.
    max_link : float
        Cosine distance, 0 to 2, beyond which nothing is linked: without it all pictures that are
        like no other make one large cluster of unlike ones.

    Returns
    -------
    Hierarchy
        All noise where there are fewer vectors than a cluster needs; one cluster where all are the
        same, or where all that is linked is one family.
    """
    longest = longest_link(max_link)
    forest = spanning_forest(neighbours, min_samples, longest)
    return hdbscan_of_forest(forest, min_cluster_size=min_cluster_size, longest=longest)


def longest_link(max_link: float) -> float:
    """Return the Euclidean distance of unit vectors that have a cosine distance."""
    return float(np.sqrt(2 * max_link))


def hdbscan_of_forest(
    forest: SpanningForest, *, min_cluster_size: int, longest: float
) -> Hierarchy:
    """Cluster vectors by the minimum spanning forest of their mutual reachability distances.

    Parameters
    ----------
    forest : SpanningForest
        With no edge beyond the longest.
    min_cluster_size : int
        As for `hdbscan`.
    longest : float
        Distance beyond which nothing is linked, as `longest_link` returns it.

    Returns
    -------
    Hierarchy
        As `hdbscan` does.
    """
    n = forest.vectors
    if n < max(2, min_cluster_size):
        return Hierarchy(np.full(n, -1), np.zeros(n), np.zeros(n))
    edges, parts = _spanning_tree(forest)
    if edges["distance"][-1] <= SAME:
        return Hierarchy(np.zeros(n, np.int64), np.ones(n), np.zeros(n))
    from sklearn.cluster._hdbscan._tree import (
        _condense_tree,
        tree_to_labels,
    )

    if longest < _UNRELATED and (parts >= min_cluster_size).sum() == 1:
        edges = _with_a_stand_in(edges, n, min_cluster_size, longest)
    tree = _merges(edges)
    found, probabilities = tree_to_labels(tree, min_cluster_size=min_cluster_size)
    scores = _outlier_scores(_condense_tree(tree, min_cluster_size), len(found))
    return Hierarchy(_numbered(found[:n]), probabilities[:n], scores[:n])


def _numbered(found: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the clusters numbered from 0 by their first member, and -1 for noise."""
    labels = np.full(len(found), -1, np.int64)
    members = np.flatnonzero(found >= 0)
    _, firsts, of_member = np.unique(found[members], return_index=True, return_inverse=True)
    labels[members] = np.argsort(np.argsort(firsts))[of_member]
    return labels


def _merges(edges: NDArray[np.void]) -> NDArray[np.void]:
    """Return the merges of the parts that edges join, in scikit-learn's record type.

    Parameters
    ----------
    edges : ndarray of shape (n - 1,), scikit-learn's record type
        A spanning tree by rising distance. Of those that tie any order gives the same merges but
        for parts of one size.
    """
    from sklearn.cluster._hdbscan._linkage import make_single_linkage

    n = len(edges) + 1
    merges: NDArray[np.void] = make_single_linkage(edges)
    children = np.stack([merges["left_node"], merges["right_node"]], axis=1)
    parent = np.arange(n, 2 * n - 1)  # of each merge; the last one is its own
    inner = children >= n
    parent[children[inner] - n] = np.nonzero(inner)[0] + n
    tied = np.flatnonzero(merges["value"][parent - n] == merges["value"])[:-1]
    if not len(tied):
        return merges
    first = np.concatenate([np.arange(n), children[:, 0]])  # a vector of each part
    while (first >= n).any():
        first = first[first]
    sizes = np.concatenate([np.ones(n, np.int64), merges["cluster_size"]])
    groups = defaultdict[int, list[int]](list)  # merges at one distance, by the last of them
    last: dict[int, int] = {}
    for merge in tied[::-1].tolist():
        above = int(parent[merge]) - n
        last[merge] = last.get(above, above)
        groups[last[merge]].append(merge)
    ordered = edges.copy()
    for end, members in groups.items():
        places = np.array([*members[::-1], end])
        joined = np.setdiff1d(children[places], places + n)
        joined = joined[np.lexsort((first[joined], -sizes[joined]))]
        ordered["current_node"][places] = first[joined[0]]
        ordered["next_node"][places] = first[joined[1:]]
    return cast("NDArray[np.void]", make_single_linkage(ordered))


def _with_a_stand_in(edges: NDArray[np.void], n: int, size: int, length: float) -> NDArray[np.void]:
    """Add the least dense family that can be, far from everything.

    The root of the tree is never a cluster: where there is one family alone, it would be the root,
    and all noise. Beside another one it is a branch.
    """
    stand_in = np.zeros(size, edges.dtype)
    stand_in["current_node"] = np.arange(n, n + size)
    stand_in["next_node"] = [*range(n + 1, n + size), edges["current_node"][-1]]
    stand_in["distance"] = [*[length] * (size - 1), _UNRELATED]
    together = np.concatenate([stand_in, edges])
    return together[np.argsort(together["distance"], kind="stable")]


def _spanning_tree(forest: SpanningForest) -> tuple[NDArray[np.void], NDArray[np.int64]]:
    """Return the n - 1 edges of a tree by rising distance, and the sizes of the linked parts.

    The edges are in scikit-learn's record type. What none of the forest joins is joined last, all
    at one distance.
    """
    from sklearn.cluster._hdbscan._linkage import MST_edge_dtype

    n = forest.vectors
    _, parts, sizes = np.unique(forest.parts(), return_index=True, return_counts=True)
    apart = len(parts) - 1
    edges = np.empty(n - 1, MST_edge_dtype)
    edges["current_node"] = np.concatenate([forest.starts, np.full(apart, parts[0])])
    edges["next_node"] = np.concatenate([forest.ends, parts[1:]])
    edges["distance"] = np.concatenate([forest.lengths, np.full(apart, _UNRELATED)])
    return edges, sizes


def _outlier_scores(condensed: NDArray[np.void], n: int) -> NDArray[np.float64]:
    """Score vectors by how much sooner they leave than the densest of where they leave (GLOSH)."""
    parent, child, density = condensed["parent"], condensed["child"], condensed["value"]
    densest = np.zeros(int(parent.max()) + 1)
    np.maximum.at(densest, parent, density)
    for row in np.flatnonzero(child >= n)[::-1]:  # clusters, children before their parents
        densest[parent[row]] = max(densest[parent[row]], densest[child[row]])
    points = child < n
    scores = np.zeros(n)
    scores[child[points]] = 1 - density[points] / densest[parent[points]]
    return scores
