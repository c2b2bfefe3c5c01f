"""Alternatives: results of a run at other thresholds."""

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from indexer.clustering.partition import divide, graph_of
from indexer.clustering.pattern_search import chosen_for
from indexer.reports.report_tree import Alternative
from indexer.types import ClusterAlgorithm, ClusterRun, Embeddings

MOST: Final = 20_000
"""Images that are clustered anew for a report: seconds of comparing, and some for each bound."""
_BOUNDS: Final = (0.1, 0.2, 0.3, 0.4, 0.5)  # of `max_link`


def alternatives(
    run: ClusterRun, vectors: Embeddings, stands: NDArray[np.int64], threads: int
) -> tuple[Alternative, ...]:
    """Cluster the images of a run anew with other bounds, its own among them.

    Parameters
    ----------
    run : ClusterRun
    vectors : ndarray of shape (n, d), float32, unit rows
        Of its images.
    stands : ndarray of shape (n,), int64
        Which of them stands for each, as `standing_for` returns it.
    threads : int
        Cores that are used.

    Returns
    -------
    tuple of Alternative
        By ascending bound; only of hdbscan.
    """
    if run.algorithm is not ClusterAlgorithm.HDBSCAN:
        return ()
    rows, point = np.unique(stands, return_inverse=True)
    parameters = chosen_for(run, len(rows))
    graph = graph_of(vectors[rows], parameters, threads=threads)
    found = []
    for value in sorted({*_BOUNDS, parameters.max_link}):
        labels = divide(graph, replace(parameters, max_link=value)).labels[point]
        found.append(
            Alternative(
                parameter="max_link",
                value=value,
                clusters=int(labels.max(initial=-1)) + 1,
                images=int((labels >= 0).sum()),
                of_run=value == parameters.max_link,
            )
        )
    return tuple(found)
