"""Made-up pictures to calibrate with: nothing but vectors and bits."""

from dataclasses import replace

import numpy as np

from indexer.thresholds import Weighing
from indexer.thresholds.calibration import Calibration, Sample, calibrate
from indexer.thresholds.calibration_targets import CalibrationTarget
from indexer.thresholds.pairwise_scores import CopyRule
from indexer.thresholds.picture_matrix import Pictures
from indexer.types import Curve, Embeddings, RateUnit, Signal, Tier, query_bias
from support.fusion import MIXED
from support.unit_vectors import exact_unit

FUSION = replace(MIXED, embedding=Curve((-1.0, 1.0), (-20.0, 20.0)))  # the scale ends at 60 nats
WEIGHING = Weighing(FUSION, lambda embeddings: query_bias(embeddings, None, FUSION.bias))
COPIES = CopyRule(bits=31, nats=18.5)
TIERS = {Signal.PDQ: Tier.NEAR_DUPLICATE, Signal.FUSED: Tier.LOOKALIKE}


def strangers(count: int, seed: int, *, dimension: int = 8, first_id: int = 1) -> Pictures:
    """Make pictures that have nothing to do with each other.

    From 5 dimensions on their cosines are exact, whatever the blocks they are computed in.
    """
    random = np.random.default_rng(seed)
    unit = exact_unit if count and dimension >= 5 else _unit
    embeddings = random.standard_normal((count, dimension)).astype(np.float32)
    return Pictures(
        ids=np.arange(first_id, first_id + count),
        names=[f"picture {number}" for number in range(first_id, first_id + count)],
        embeddings=unit(embeddings),
        pdq=random.integers(0, 256, (count, 1, 32), dtype=np.uint8),
        hashable=np.ones(count, np.bool_),
    )


def _unit(vectors: Embeddings) -> Embeddings:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def aim(
    signal: Signal = Signal.FUSED, target: float = 1e-3, unit: RateUnit | None = None
) -> CalibrationTarget:
    return CalibrationTarget(signal, TIERS[signal], None, 1, target, unit)


def calibrated(
    wanted: CalibrationTarget,
    queries: Pictures,
    references: Pictures | None = None,
    *,
    most_bits: int = 256,
) -> Calibration:
    """Calibrate with pictures against others, or each other."""
    sample = Sample(queries, queries if references is None else references, "test", None)
    return calibrate(wanted, sample, WEIGHING, pdq_max_distance=most_bits)
