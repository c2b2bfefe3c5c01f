"""Score fusion: similarity and PDQ in one number, because they fail on different edits.

    fused = similarity - bias of the query + sigmoid((50 - PDQ distance) / 8)

The last term is 1 where the fingerprints agree, 0.5 at 50 bits and nothing from about 90 bits on,
where two strangers lie; it is 0 where either picture is too flat to hash. The constants were
chosen on the development benchmark: together the two signals find what neither finds alone.
"""

from math import exp
from typing import Final

import numpy as np
from numpy.typing import NDArray

from indexer.types import Embeddings

PDQ_MIDPOINT: Final = 50  # bits at which PDQ speaks as much for a copy as against it
PDQ_SLOPE: Final = 8  # bits over which it changes its mind
PDQ_REACH: Final = 87
"""Bits from which PDQ adds less than 0.01: no reason to look at an image that is farther."""
INLIERS_MIDPOINT: Final = 10  # details in common that speak as much for a copy as against it
INLIERS_SLOPE: Final = 3
_PLENTY: Final = 100  # details from which more say nothing more
NEIGHBOURS: Final = 3  # of a query among the background, whose mean similarity is its bias

Terms = NDArray[np.float32]
"""Float32 shares of a fused score."""


def pdq_term(distances: NDArray[np.int64]) -> Terms:
    """Turn Hamming distances in bits, of any shape, into shares of a fused score, 0 to 1."""
    lean = (PDQ_MIDPOINT - np.asarray(distances, np.float64)) / PDQ_SLOPE
    return (1 / (1 + np.exp(-lean))).astype(np.float32)


def query_bias(embeddings: Embeddings, background: Embeddings | None) -> Terms:
    """Measure how alike a query is to pictures that have nothing to do with it.

    Some pictures, flat or common ones, are near to everything. Their score is lowered by as much
    (score normalisation as in SSCD, Pizzi et al. 2022). The similarity itself stays the cosine.

    Parameters
    ----------
    embeddings : ndarray of shape (n, d), float32, unit rows
        The pieces of the query.
    background : ndarray of shape (m, d), float32, unit rows, optional
        Pictures of no bank; without them the bias is 0.

    Returns
    -------
    ndarray of shape (n,), float32
        The mean cosine to the nearest `NEIGHBOURS` of the background.
    """
    if background is None or not len(background):
        return np.zeros(len(embeddings), np.float32)
    cosines = (background @ embeddings.T).T  # in this order BLAS takes less than half the time
    nearest = min(NEIGHBOURS, len(background))
    bias: Terms = np.partition(cosines, -nearest, axis=1)[:, -nearest:].mean(axis=1)
    return bias


def closeness(fused: float | None, pdq_distance: int | None, inliers: int | None = None) -> float:
    """Return what orders the matches of a tier, higher is closer.

    The fused score, and what verification adds to it; of a bare fingerprint, which has neither, the
    share that its PDQ would have.
    """
    if fused is not None:
        return fused + _inliers_term(inliers)
    return 0.0 if pdq_distance is None else float(pdq_term(np.array(pdq_distance)))


def _inliers_term(inliers: int | None) -> float:
    """Turn a count of details into a share, 0 to 1: 0.5 at the midpoint."""
    if inliers is None:
        return 0.0
    return 1 / (1 + exp((INLIERS_MIDPOINT - min(inliers, _PLENTY)) / INLIERS_SLOPE))
