"""Traits of an embedding space: default thresholds and background of its model."""

from dataclasses import dataclass
from typing import Final

from indexer.types.arrays import Embeddings


@dataclass(frozen=True, slots=True)
class Bounds:
    """From which similarity pictures match, where neither a setting nor a card says."""

    near_duplicate: float  # cosine
    lookalike: float  # cosine
    fused: float  # fused score


COMMON_BOUNDS: Final = Bounds(near_duplicate=0.93, lookalike=0.88, fused=1.0)
"""For a model that states none: a classifier's pooled features, in which strangers are near.

Precision 0.99 and 0.90 of the shipped classifier's own features on the development benchmark.
"""


@dataclass(frozen=True, slots=True)
class SpaceTraits:
    """What comes with a model to measure similarities by."""

    bounds: Bounds = COMMON_BOUNDS
    background: Embeddings | None = None
    """Pictures that match nothing, (m, d) float32 unit rows: they make the fused scores of
    different queries comparable."""
