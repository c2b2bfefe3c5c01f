"""Sources of innocent pictures differ: a card says what to expect of others."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.thresholds.pairwise_scores import Measure
from indexer.thresholds.picture_matrix import Pictures, Sources
from indexer.thresholds.rate_intervals import (
    LEAST_SOURCES,
    count_false_positives,
    prediction_interval,
    rate_interval,
    rates_without,
    trials,
)
from indexer.thresholds.scales import scale_of
from indexer.thresholds.score_histogram import ScoreHistogram, count_scores
from indexer.types import RateUnit, Signal
from support.calibration import WEIGHING, aim, calibrated, strangers

pytestmark = pytest.mark.numeric

RATE = 0.02  # of uploads
BOUND = 0.5
SOURCES = 40
DRAWS = 200


def uploads_of(matches: np.ndarray) -> ScoreHistogram:
    """Return uploads that match (closeness 1) or not (0) what is no upload."""
    count = len(matches)
    best = np.zeros((count, 2), np.float32)
    best[:, 0] = matches
    scale = scale_of(Signal.FUSED)
    none = np.zeros(0, np.int64)
    return ScoreHistogram(
        scale=scale,
        is_square=False,
        references=1,
        comparisons=count,
        histogram=np.zeros(scale.bins, np.int64),
        best=best,
        partner=np.full(count, -1),
        tail=np.zeros(0, np.float32),
        tail_queries=none,
        tail_references=none,
    )


def collection(seed: int) -> tuple[ScoreHistogram, Sources]:
    """Draw sources of 20 to 120 pictures, most of which match hardly ever, and a few often."""
    random = np.random.default_rng(seed)
    sizes = random.integers(20, 121, SOURCES)
    rates = RATE * random.gamma(0.5, 2, SOURCES)
    sources = np.repeat(np.arange(SOURCES), sizes)
    return uploads_of(random.random(len(sources)) < rates[sources]), sources


def test_the_rate_of_other_sources_lies_where_the_card_expects_it() -> None:
    predicted = in_confidence = blind = 0
    for seed in range(DRAWS):
        ours, sources = collection(seed)
        theirs, _ = collection(DRAWS + seed)
        rate = count_false_positives(theirs, RateUnit.UPLOAD, BOUND) / theirs.queries
        predicted += rate in prediction_interval(ours, RateUnit.UPLOAD, BOUND, sources)
        in_confidence += RATE in rate_interval(ours, RateUnit.UPLOAD, BOUND, sources)
        blind += RATE in rate_interval(ours, RateUnit.UPLOAD, BOUND)

    assert predicted >= 0.92 * DRAWS
    assert in_confidence >= 0.92 * DRAWS
    assert blind < 0.75 * DRAWS  # uploads of one source are not independent


def test_other_sources_may_differ_more_than_the_mean_is_uncertain() -> None:
    ours, sources = collection(0)

    mean = rate_interval(ours, RateUnit.UPLOAD, BOUND, sources)
    others = prediction_interval(ours, RateUnit.UPLOAD, BOUND, sources)

    assert others.low < mean.low < mean.high < others.high


def test_no_match_in_n_uploads_leaves_rates_up_to_5_3_in_n_for_as_many_others() -> None:
    sources = np.repeat(np.arange(100), 3)

    others = prediction_interval(uploads_of(np.zeros(300)), RateUnit.UPLOAD, BOUND, sources)

    assert others.low == 0
    assert others.high == pytest.approx(5.32 / 100, abs=1e-4)  # 0.5 ** 5.32 is 2.5 %


def counted(pictures: Pictures) -> ScoreHistogram:
    measure = Measure(Signal.FUSED, replace(WEIGHING, references=1))
    return count_scores(measure, pictures, pictures, highest_rate=1)


@given(st.integers(0, 1000), st.sampled_from([*RateUnit]))
def test_the_rate_without_a_source_is_that_of_the_other_pictures(seed: int, unit: RateUnit) -> None:
    random = np.random.default_rng(seed)
    pictures = strangers(30, seed)
    sources = random.permutation(np.arange(30) % 7)
    histogram = counted(pictures)
    # Of an upload only two matches are known: it must not be that both are of the source left out.
    nearest = 2 if unit is RateUnit.UPLOAD else 10
    bound = float(np.sort(histogram.best[:, 0])[-nearest])

    rates = rates_without(histogram, unit, bound, sources)

    for source in range(7):
        others = counted(pictures.take(np.flatnonzero(sources != source)))
        expected = count_false_positives(others, unit, bound) / trials(others, unit)
        assert rates[source] == pytest.approx(expected)


def test_a_card_names_its_sources_and_expects_more_of_others_where_they_differ() -> None:
    pictures = strangers(300, 3, dimension=32)
    few = replace(pictures, sources=np.arange(300) % (LEAST_SOURCES - 1))
    wanted = aim(target=0.002, unit=RateUnit.COMPARISON)
    alike = pictures.embeddings.copy()
    alike[:30] = alike[:1]  # nothing but copies of one picture, from one source
    sources = np.arange(300) // 30

    unknown = calibrated(wanted, few).card
    known = calibrated(wanted, replace(pictures, sources=np.arange(300) % 100)).card
    unlike = calibrated(
        aim(target=0.01, unit=RateUnit.COMPARISON),
        replace(pictures, embeddings=alike, sources=sources),
    ).card

    assert (unknown.source_count, unknown.prediction_low, unknown.prediction_high) == (None,) * 3
    assert known.source_count == 100
    assert known.prediction_low is not None
    assert known.prediction_high is not None
    assert known.prediction_low < known.rate < known.prediction_high < 3 * known.rate
    assert unlike.source_count == 10
    assert unlike.prediction_high is not None
    assert unlike.prediction_high > 10 * unlike.rate
