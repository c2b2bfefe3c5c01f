"""Query bias, and the order of matches by their log-odds; `types.Fusion` has the weights."""

from typing import Final

import numpy as np

from indexer.types import Embeddings, LogOdds

NEIGHBOURS: Final = 3  # of a query among the background, whose mean similarity is its bias


def query_bias(embeddings: Embeddings, background: Embeddings | None, otherwise: float) -> LogOdds:
    """Measure how alike a query is to pictures that have nothing to do with it.

    Some pictures, flat or common ones, are near to everything. Their similarity is lowered by as
    much before it is weighed (score normalisation as in SSCD, Pizzi et al. 2022).

    Parameters
    ----------
    embeddings : ndarray of shape (n, d), float32, unit rows
        The pieces of the query.
    background : ndarray of shape (m, d), float32, unit rows, optional
        Pictures of no bank.
    otherwise : float
        The bias where there is no background.

    Returns
    -------
    ndarray of shape (n,), float32
        The mean cosine to the nearest `NEIGHBOURS` of the background.
    """
    if background is None or not len(background):
        return np.full(len(embeddings), otherwise, np.float32)
    cosines = (background @ embeddings.T).T  # in this order BLAS takes less than half the time
    nearest = min(NEIGHBOURS, len(background))
    bias: LogOdds = np.partition(cosines, -nearest, axis=1)[:, -nearest:].mean(axis=1)
    return bias
