"""What a card says of innocent pictures holds for others: shown on pictures of the benchmark."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from indexer.model import load_encoder
from indexer.settings import SHIPPED_MODEL, Settings
from indexer.thresholds.background_folder import as_pictures, measure_files
from indexer.thresholds.pairwise_scores import Measure
from indexer.thresholds.picture_matrix import Pictures
from indexer.thresholds.rate_intervals import count_false_positives, trials
from indexer.thresholds.score_histogram import count_scores
from indexer.types import RateUnit, Signal
from support.calibration import WEIGHING, aim, calibrated

pytestmark = pytest.mark.numeric

BENCH = Path(__file__).parents[2] / "shared" / "bench" / "dev"
COUNT = 600
SPLITS = 10


@pytest.fixture(scope="module")
def distractors() -> Pictures:
    """Measure pictures that are copies of nothing in the benchmark."""
    if not BENCH.is_dir():
        pytest.skip(f"the copy-detection benchmark is not in {BENCH}")
    with (BENCH / "refs.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["role"] == "distractor"]
    chosen = np.random.default_rng(1).choice(len(rows), COUNT, replace=False)
    paths = [BENCH / rows[row]["reference_path"] for row in chosen]
    encoder, settings = load_encoder(SHIPPED_MODEL), Settings()
    measured = measure_files(paths, encoder, settings)
    return as_pictures(measured, range(1, COUNT + 1), encoder.card.dimension, settings)


@pytest.mark.long
@pytest.mark.parametrize("unit", RateUnit)
def test_the_rate_on_other_pictures_lies_within_the_interval_of_the_card(
    distractors: Pictures, unit: RateUnit
) -> None:
    within = 0
    for seed in range(SPLITS):
        order = np.random.default_rng(seed).permutation(COUNT)
        ours, theirs = (distractors.take(half) for half in np.split(order, 2))

        card = calibrated(aim(Signal.FUSED, 1e-4, unit), ours).card

        counted = count_scores(
            Measure(Signal.FUSED, replace(WEIGHING, references=len(theirs) - 1)),
            theirs,
            theirs,
            highest_rate=0.01,
        )
        rate = count_false_positives(counted, unit, card.value) / trials(counted, unit)
        within += card.rate_low <= rate <= card.rate_high
    # 95 % is what an interval promises of the true rate; the other half's is itself an estimate.
    assert within >= SPLITS - 2
