"""Alternatives: results of a run at other thresholds and sizes."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from indexer.clustering.cluster_parameters import FAMILIES
from indexer.clustering.partition import divide, graph_of
from indexer.clustering.pattern_search import chosen_for
from indexer.reports.image_columns import Columns
from indexer.reports.report_tree import Alternative
from indexer.types import ClusterAlgorithm, ClusterRun, Embeddings

MOST: Final = 20_000
"""Images that are clustered anew for a report: seconds of comparing, and some for each bound."""
_LINKS: Final = (0.1, 0.2, 0.3, 0.4, 0.5)  # of `max_link`
_SIZES: Final = (2, 3, 5, 10, 20, 50)  # of a cluster
_STRICTER: Final = (2.0, 4.0, 8.0, 16.0)  # nats above `min_log_odds`
_LEAST: Final = 2  # members that make a cluster


def clustered_anew(
    run: ClusterRun, vectors: Embeddings, stands: NDArray[np.int64], threads: int
) -> Iterator[Alternative]:
    """Cluster the images of an hdbscan run anew with other bounds and sizes, its own among them.

    Parameters
    ----------
    run : ClusterRun
    vectors : ndarray of shape (n, d), float32, unit rows
        Of its images.
    stands : ndarray of shape (n,), int64
        Which of them stands for each, as `standing_for` returns it.
    threads : int
        Cores that are used.

    Yields
    ------
    Alternative
        By parameter, then ascending.
    """
    rows, point = np.unique(stands, return_inverse=True)
    parameters = chosen_for(run, len(rows))
    graph = graph_of(vectors[rows], parameters, threads=threads)
    for name, values in (("max_link", _LINKS), ("min_cluster_size", _SIZES)):
        own = getattr(parameters, name)
        for value in sorted({*values, own}):
            labels = divide(graph, replace(parameters, **{name: value})).labels[point]
            yield Alternative(
                parameter=name,
                value=value,
                clusters=int(labels.max(initial=-1)) + 1,
                images=int((labels >= 0).sum()),
                of_run=value == own,
            )


def left_of(run: ClusterRun, columns: Columns) -> Iterator[Alternative]:
    """Count what would be left of a run's clusters with a higher bound, or without small ones.

    A member of a family stays while the evidence of its link with the hub reaches the bound, or if
    it is linked by its PDQ alone. Members that would move to another family count as gone.

    Yields
    ------
    Alternative
        By parameter, then ascending: of families the bound, and of all but hdbscan the size.
    """
    member = columns.cluster_ids >= 0
    clusters = columns.cluster_ids[member]
    own = run.parameters.get("min_log_odds")
    if run.algorithm in FAMILIES and own is not None:
        evidence = _log_odds(columns.probabilities[member])
        by_pdq = evidence < own
        for value in (own, *(round(own + more, 1) for more in _STRICTER)):
            yield _count("min_log_odds", value, clusters[by_pdq | (evidence >= value)], own)
    if run.algorithm is not ClusterAlgorithm.HDBSCAN:
        _, row, sizes = np.unique(clusters, return_inverse=True, return_counts=True)
        for value in _SIZES:
            yield _count("size", value, clusters[sizes[row] >= value], _LEAST)


def _log_odds(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the evidence that probabilities stand for; infinite where they are 1."""
    with np.errstate(divide="ignore"):
        return np.log(probabilities) - np.log1p(-probabilities)


def _count(parameter: str, value: float, kept: NDArray[np.int64], own: float) -> Alternative:
    """Count clusters that keep two members, and their images."""
    _, sizes = np.unique(kept, return_counts=True)
    sizes = sizes[sizes >= _LEAST]
    return Alternative(parameter, value, len(sizes), int(sizes.sum()), of_run=value == own)
