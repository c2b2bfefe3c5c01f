"""Partition of a run's images, and the graph of neighbours that hdbscan divides them by."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from indexer.clustering.cluster_parameters import ChosenParameters
from indexer.types import Embeddings
from indexer.vectors.knn_graph import KnnGraph, build_knn_graph

_NEIGHBOURS: Final = 16
"""Neighbours that the graph has of each image: enough for exact HDBSCAN's answer (ARI 0.98)."""
_ALL_PAIRS: Final = 2_000  # images up to which the graph has all of them


@dataclass(frozen=True, slots=True)
class Partition:
    """Which cluster each image is in, and how well."""

    labels: NDArray[np.int64]  # (n,), from 0 without gaps; -1 for noise
    probabilities: NDArray[np.float64]  # (n,), 0 to 1; 0 for noise
    outlier_scores: NDArray[np.float64]  # (n,), 0 to 1
    hubs: NDArray[np.int64] | None = None  # (clusters,), rows of the middles where they are known
    is_apart: NDArray[np.bool_] | None = None
    """(n,), whether each stands for itself, and no other for it; all do when None."""


def graph_of(
    vectors: Embeddings,
    parameters: ChosenParameters,
    *,
    threads: int,
    on_progress: Callable[[int], None] = lambda _count: None,
) -> KnnGraph:
    """Find the neighbours that hdbscan divides vectors by.

    Parameters
    ----------
    vectors : ndarray of shape (n, d), float32, unit rows
    parameters : ChosenParameters
    threads : int
        Cores that are used.
    on_progress : callable
        Called with the number of vectors compared since the last call; what it raises ends it.
    """
    return build_knn_graph(
        vectors,
        neighbours_wanted(len(vectors), parameters),
        seed=parameters.seed,
        threads=threads,
        on_progress=on_progress,
    )


def neighbours_wanted(n: int, parameters: ChosenParameters) -> int:
    """Return how many neighbours the graph of n images has of each, where there are as many."""
    return n if n <= _ALL_PAIRS else max(_NEIGHBOURS, parameters.min_samples)


def divide(neighbours: KnnGraph, parameters: ChosenParameters) -> Partition:
    """Cluster vectors whose neighbours are known, by hdbscan.

    Parameters
    ----------
    neighbours : KnnGraph
        As `graph_of` finds them; they depend on no bound, so one graph serves several.
    parameters : ChosenParameters
    """
    from indexer.clustering.hdbscan import hdbscan  # loads scipy's graphs

    found = hdbscan(
        neighbours,
        min_cluster_size=parameters.min_cluster_size,
        min_samples=parameters.min_samples,
        max_link=parameters.max_link,
    )
    return Partition(found.labels, found.probabilities, found.outlier_scores)
