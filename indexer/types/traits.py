"""Traits of an embedding space: the fusion and background that come with its model."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from indexer.types.arrays import Embeddings
from indexer.types.fusion import Curve, Fusion, LogOdds

NEIGHBOURS: Final = 3  # of a query among the background, whose mean similarity is its bias
_STEP: Final = 512  # queries whose cosines fit the processor's cache

COMMON_FUSION: Final = Fusion(
    version="common",
    prior=0.0,
    embedding=Curve((0.8, 0.88, 0.93, 1.0), (0.0, 12.0, 18.0, 24.0)),
    pdq=Curve((20, 31, 50, 70, 90), (24.0, 20.0, 13.0, 5.0, 0.0)),
    details=Curve((6, 12, 24, 60), (0.0, 9.0, 16.0, 22.0)),
    bias=0.0,
    near_duplicate=12.0,
    lookalike=4.6,
)
"""For a model that brings none: a classifier's pooled features, in which strangers are near.

Cosines of 0.88 and 0.93 have precision 0.90 and 0.99 with the shipped classifier's own features on
the development benchmark; the other weights are rounded from those of the shipped fusion.
"""


@dataclass(frozen=True, slots=True)
class SpaceTraits:
    """What comes with a model to weigh evidence by."""

    fusion: Fusion = COMMON_FUSION
    background: Embeddings | None = None
    """Pictures that match nothing, (m, d) float32 unit rows: they make the similarities of
    different queries comparable."""


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
    nearest = min(NEIGHBOURS, len(background))
    bias = np.zeros(len(embeddings), np.float32)
    for start in range(0, len(embeddings), _STEP):
        part = slice(start, start + _STEP)
        cosines = (background @ embeddings[part].T).T  # half the time of the other order, for few
        cosines = np.ascontiguousarray(cosines)
        rows = np.arange(len(cosines))
        for _ in range(nearest):  # a quarter of the time of a partition
            most = cosines.argmax(axis=1)
            bias[part] += cosines[rows, most]
            cosines[rows, most] = -np.inf
    return bias / np.float32(nearest)
