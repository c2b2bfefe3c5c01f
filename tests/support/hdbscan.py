"""HDBSCAN* as it is defined, level by level: for the few vectors of a test.

No spanning tree and no order of ties: at each level all edges of that length go at once, and what
is left falls into as many parts as it does.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components, minimum_spanning_tree

from indexer.types import Embeddings

_MARGIN = 1e-9  # by which one stability must exceed another: float64 adds up to less than that


@dataclass
class _Cluster:
    members: NDArray[np.int64]
    stability: float = 0.0
    children: list["_Cluster"] = field(default_factory=list)


def hdbscan_by_definition(
    vectors: Embeddings, min_cluster_size: int, min_samples: int
) -> NDArray[np.int64]:
    """Return labels, (n,), numbered by the first member; -1 for noise.

    Parameters
    ----------
    vectors : ndarray of shape (n, d), float32, unit rows
        With cosines that float32 knows exactly.
    """
    cosines = (vectors @ vectors.T).astype(np.float64)
    distances = np.sqrt(2 - 2 * cosines)
    core = np.sort(distances, axis=1)[:, min_samples - 1]  # the vector itself is the first
    reach = np.maximum(distances, np.maximum.outer(core, core))
    root = _Cluster(np.arange(len(vectors)))
    _grow(root, reach, min_cluster_size)
    chosen = [best for child in root.children for best in _best(child)[1]]
    labels = np.full(len(vectors), -1, np.int64)
    ordered = sorted(chosen, key=lambda cluster: int(cluster.members.min()))
    for number, cluster in enumerate(ordered):
        labels[cluster.members] = number
    return labels


def _grow(cluster: _Cluster, reach: NDArray[np.float64], least: int, born: float = 0.0) -> None:
    """Follow a cluster from the density at which it is born to where it ends or divides."""
    left = cluster.members
    while True:
        part = reach[np.ix_(left, left)]
        level = float(minimum_spanning_tree(part).data.max())
        _, part_of = connected_components(part < level, directed=False)
        parts = [left[part_of == number] for number in range(part_of.max() + 1)]
        large = [each for each in parts if len(each) >= least]
        staying = len(large[0]) if len(large) == 1 else 0
        cluster.stability += (len(left) - staying) * (1 / level - born)
        if len(large) != 1:
            break
        left = large[0]
    cluster.children = [_Cluster(each) for each in large]
    for child in cluster.children:
        _grow(child, reach, least, 1 / level)


def _best(cluster: _Cluster) -> tuple[float, list[_Cluster]]:
    """Choose a cluster or those within it, whichever have the greater excess of mass."""
    within = [_best(child) for child in cluster.children]
    total = sum(stability for stability, _ in within)
    assert abs(total - cluster.stability) > _MARGIN, "they tie: take other vectors"
    if total > cluster.stability:
        return total, [best for _, chosen in within for best in chosen]
    return cluster.stability, [cluster]
