"""Calibration on made-up pictures, held against counting by hand."""

from dataclasses import replace
from math import log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.errors import InputError
from indexer.images.fingerprints import hamming
from indexer.thresholds import score_histogram as tally_module
from indexer.thresholds.calibration_targets import CalibrationTarget
from indexer.thresholds.pairwise_scores import Measure
from indexer.thresholds.picture_matrix import FAR, NO_ID, Pictures
from indexer.thresholds.rate_intervals import clopper_pearson
from indexer.thresholds.score_histogram import count_scores
from indexer.types import RateUnit, Signal, Tier, cost_of, count_comparisons
from support.calibration import COPIES, FUSION, TIERS, WEIGHING, aim, calibrated, strangers

pytestmark = pytest.mark.numeric

SIGNALS = sorted(TIERS)


def every_score(signal: Signal, queries: Pictures, references: Pictures) -> np.ndarray:
    """Score all pairs the plain way, (n, m); higher is closer. In float32, as it is counted."""
    cosines = queries.embeddings @ references.embeddings.T
    bits = hamming(queries.pdq[:, 0], references.pdq[:, 0])
    others = len(references) - (queries is references)
    return {
        Signal.PDQ: -bits.astype(np.float64),
        Signal.FUSED: FUSION.weigh(cosines, bits) - np.float32(cost_of(count_comparisons(others))),
    }[signal]


# --- what is counted -----------------------------------------------------------------------------


@pytest.mark.parametrize("signal", SIGNALS)
@pytest.mark.parametrize("unit", RateUnit)
def test_the_card_counts_what_reaches_its_bound(signal: Signal, unit: RateUnit) -> None:
    queries, references = strangers(150, 1), strangers(90, 2, first_id=1000)
    scores = every_score(signal, queries, references)

    card = calibrated(aim(signal, 0.01, unit), queries, references).card

    bound = -card.value if signal is Signal.PDQ else card.value
    reaching = scores >= bound
    uploads = int(reaching.any(axis=1).sum())
    assert card.false_positives == (uploads if unit is RateUnit.UPLOAD else reaching.sum())
    assert card.trials == (150 if unit is RateUnit.UPLOAD else 150 * 90)
    assert card.rate <= 0.01
    assert (card.background_images, card.reference_count) == (150, 90)


@pytest.mark.parametrize("signal", SIGNALS)
def test_the_bound_is_the_lowest_that_keeps_the_target(signal: Signal) -> None:
    queries = strangers(120, 3)
    scores = every_score(signal, queries, queries)
    np.fill_diagonal(scores, -np.inf)

    card = calibrated(aim(signal, 0.005, RateUnit.COMPARISON), queries).card

    lower = -(card.value + 1) if signal is Signal.PDQ else card.value - 2e-4
    assert (scores >= lower).sum() / card.comparisons > 0.005
    assert card.comparisons == 120 * 119


def test_a_picture_is_not_compared_with_itself_nor_with_a_presumed_copy() -> None:
    pictures = strangers(60, 4)
    copied = pictures.pdq.copy()
    copied[1] = copied[0]  # the fingerprint of a copy
    embeddings = pictures.embeddings.copy()
    embeddings[1] = embeddings[0]
    pictures = replace(pictures, pdq=copied, embeddings=embeddings)

    def count(measure: Measure) -> int:
        return count_scores(measure, pictures, pictures, highest_rate=0.01).comparisons

    for signal in SIGNALS:
        assert count(Measure(signal, WEIGHING)) == 60 * 59
        assert count(Measure(signal, WEIGHING, COPIES)) == 60 * 59 - 2


def test_pictures_that_the_index_does_not_hold_are_strangers_to_each_other() -> None:
    known = strangers(30, 6)
    unknown = replace(strangers(20, 5), ids=np.full(20, NO_ID))

    for references in (known, replace(known, ids=np.full(30, NO_ID))):
        assert calibrated(aim(), unknown, references).card.comparisons == 600


def test_what_is_too_flat_to_hash_never_matches_by_pdq() -> None:
    pictures = strangers(30, 7)
    flat = replace(pictures, pdq=np.zeros_like(pictures.pdq), hashable=np.zeros(30, np.bool_))

    card = calibrated(aim(Signal.PDQ), flat).card
    closest = calibrated(aim(Signal.FUSED), flat).closest[0]

    assert card.false_positives == 0
    assert card.value == 255  # they are as far apart as can be
    cosines = pictures.embeddings @ pictures.embeddings.T - 2 * np.eye(30)
    by_cosine = float(FUSION.weigh(cosines.max(), FAR)) - cost_of(count_comparisons(29))
    assert closest.value == pytest.approx(by_cosine, abs=1e-4)


def test_the_least_distance_over_the_orientations_counts() -> None:
    pictures = strangers(30, 8)
    turned = replace(pictures, pdq=np.concatenate([pictures.pdq[::-1], pictures.pdq], axis=1))

    closeness, _ = Measure(Signal.PDQ, WEIGHING).compare(turned, pictures)

    assert (np.diag(closeness) == 0).all()


def test_twice_the_references_lower_the_log_odds_by_ln_2() -> None:
    queries, references = strangers(20, 16), strangers(15, 17, first_id=100)

    few, many = (
        Measure(Signal.FUSED, replace(WEIGHING, references=count)).compare(queries, references)[0]
        for count in (1000, 2000)
    )

    assert few - many == pytest.approx(log(2), abs=1e-5)


def test_blocks_of_any_size_count_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    queries, references = strangers(70, 9), strangers(50, 10, first_id=500)
    measure = Measure(Signal.FUSED, WEIGHING)
    whole = count_scores(measure, queries, references, highest_rate=0.01)
    monkeypatch.setattr(tally_module, "_ROWS", 7)
    monkeypatch.setattr(tally_module, "_COLUMNS", 3)
    in_pieces = count_scores(measure, queries, references, highest_rate=0.01)
    monkeypatch.setattr(tally_module, "_COLUMNS", 1)
    one_by_one = count_scores(measure, queries, references, highest_rate=0.01)

    for other in (in_pieces, one_by_one):
        assert (other.histogram == whole.histogram).all()
        assert (other.best == whole.best).all()
        assert (other.partner == whole.partner).all()
        assert (other.tail == whole.tail).all()
        assert (other.tail_queries == whole.tail_queries).all()
        assert (other.tail_references == whole.tail_references).all()


def test_the_histogram_holds_every_comparison_and_every_upload() -> None:
    for signal in SIGNALS:
        card = calibrated(aim(signal), strangers(80, 11)).card
        assert sum(card.histogram.comparisons) == card.comparisons
        assert sum(card.histogram.uploads) == card.background_images


def test_the_closest_pairs_are_named_once_each() -> None:
    calibration = calibrated(aim(), strangers(40, 12))

    pairs = [frozenset((pair.query, pair.reference)) for pair in calibration.closest]
    values = [pair.value for pair in calibration.closest]
    assert len(set(pairs)) == len(pairs) == 10
    assert values == sorted(values, reverse=True)


# --- properties ----------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 1000),
    count=st.integers(3, 60),
    unit=st.sampled_from(RateUnit),
    signal=st.sampled_from(SIGNALS),
    targets=st.tuples(st.floats(1e-6, 0.01), st.floats(1e-6, 0.01)),
)
def test_a_lower_target_never_gives_a_laxer_bound(
    seed: int, count: int, unit: RateUnit, signal: Signal, targets: tuple[float, float]
) -> None:
    pictures = strangers(count, seed)

    strict, lax = (calibrated(aim(signal, t, unit), pictures).card for t in sorted(targets))

    if signal is Signal.PDQ:
        assert strict.value <= lax.value
    else:
        assert strict.value >= lax.value
    assert strict.false_positives <= lax.false_positives


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 1000),
    count=st.integers(2, 80),
    unit=st.sampled_from([None, *RateUnit]),
    signal=st.sampled_from(SIGNALS),
    target=st.floats(1e-6, 0.01),
    dimension=st.sampled_from([2, 8]),
)
def test_the_interval_contains_the_measured_rate(
    *, seed: int, count: int, unit: RateUnit | None, signal: Signal, target: float, dimension: int
) -> None:
    try:
        card = calibrated(
            aim(signal, target, unit), strangers(count, seed, dimension=dimension)
        ).card
    except InputError:  # in the plane strangers may point the same way
        return

    assert 0 <= card.rate_low <= card.rate + 1e-12
    assert card.rate <= card.rate_high + 1e-12 <= 1 + 1e-12
    assert card.rate <= target


def test_dependent_comparisons_make_the_interval_wider_than_independent_ones_would() -> None:
    pictures = strangers(200, 13, dimension=32)
    hub = pictures.embeddings.copy()
    hub[1:40] = 0.8 * hub[0] + 0.6 * _orthogonal(hub[1:40], hub[0])  # all alike to one
    card = calibrated(aim(target=0.002, unit=RateUnit.COMPARISON), pictures).card
    with_hub = calibrated(
        aim(target=0.002, unit=RateUnit.COMPARISON), replace(pictures, embeddings=hub)
    ).card
    naive = clopper_pearson(with_hub.false_positives, with_hub.trials)

    assert with_hub.rate_high > naive.high
    assert with_hub.rate_low < naive.low
    assert with_hub.rate_high - with_hub.rate_low > card.rate_high - card.rate_low


def _orthogonal(vectors: np.ndarray, direction: np.ndarray) -> np.ndarray:
    rest = vectors - np.outer(vectors @ direction, direction)
    return rest / np.linalg.norm(rest, axis=1, keepdims=True)


def test_the_interval_holds_the_true_rate_about_as_often_as_it_says() -> None:
    scores = every_score(Signal.FUSED, strangers(1500, 99), strangers(1500, 98)) + cost_of(
        count_comparisons(1500)
    )

    def true_rate(bound: float) -> float:
        return float((scores - cost_of(count_comparisons(99)) >= bound).mean())

    hits = 0
    for seed in range(20):
        card = calibrated(aim(target=0.01, unit=RateUnit.COMPARISON), strangers(100, seed)).card
        hits += card.rate_low <= true_rate(card.value) <= card.rate_high

    assert hits >= 17


# --- units ---------------------------------------------------------------------------------------


def test_without_a_unit_uploads_are_counted_where_there_are_enough() -> None:
    assert aim(target=0.01).unit_for(100) is RateUnit.UPLOAD
    assert aim(target=0.01).unit_for(99) is RateUnit.COMPARISON
    assert aim(target=1e-4).unit_for(10_000) is RateUnit.UPLOAD
    assert aim(target=0.01, unit=RateUnit.UPLOAD).unit_for(2) is RateUnit.UPLOAD


def test_uploads_that_are_too_few_for_the_target_get_the_bound_above_all_of_them() -> None:
    pictures = strangers(100, 14)
    scores = every_score(Signal.FUSED, pictures, pictures)
    np.fill_diagonal(scores, -np.inf)

    card = calibrated(aim(target=1e-4, unit=RateUnit.UPLOAD), pictures).card

    assert card.false_positives == 0
    assert scores.max() < card.value <= scores.max() + 2e-4
    assert card.rate_high >= 1 - 0.025 ** (1 / 100) > card.target_rate


# --- what cannot be calibrated -------------------------------------------------------------------


@pytest.mark.parametrize("count", [0, 1])
def test_no_or_one_innocent_picture_is_refused(count: int) -> None:
    with pytest.raises(InputError, match=f"too few innocent images.*: {count}"):
        calibrated(aim(), strangers(count, 0))
    with pytest.raises(InputError, match=f"too few innocent images.*: {count}"):
        calibrated(aim(), strangers(count, 0), strangers(30, 1))


def test_a_bank_without_entries_is_refused() -> None:
    with pytest.raises(InputError, match="no reference"):
        calibrated(aim(), strangers(30, 0), strangers(0, 1))


def test_a_background_of_the_references_themselves_is_refused() -> None:
    two = strangers(2, 0)
    same = replace(two, ids=np.array([7, 7]))

    with pytest.raises(InputError, match="nothing to compare"):
        calibrated(aim(), same)


@pytest.mark.parametrize("signal", SIGNALS)
@pytest.mark.parametrize("unit", RateUnit)
def test_a_background_all_alike_is_refused_by_name(signal: Signal, unit: RateUnit) -> None:
    one = strangers(1, 0)
    alike = replace(one.take(np.zeros(30, np.int64)), ids=np.arange(1, 31))

    with pytest.raises(InputError, match="picture 1 and picture 1"):
        calibrated(aim(signal, unit=unit), alike)


def test_an_embedding_that_is_not_finite_is_refused() -> None:
    pictures = strangers(5, 0)
    broken = pictures.embeddings.copy()
    broken[3, 2] = np.nan

    with pytest.raises(InputError, match="not finite"):
        replace(pictures, embeddings=broken)


@pytest.mark.parametrize("target", [0, -1e-4, 0.02, 1, float("nan")])
def test_a_target_that_is_no_low_rate_is_refused(target: float) -> None:
    with pytest.raises(InputError, match="target rate"):
        aim(target=target).check()


def test_a_signal_that_does_not_decide_the_tier_is_refused() -> None:
    with pytest.raises(InputError, match="pdq decides near_duplicate"):
        CalibrationTarget(Signal.PDQ, Tier.LOOKALIKE, None, 1).check()
    with pytest.raises(InputError, match="no threshold"):
        CalibrationTarget(Signal.SHA256, Tier.EXACT, None, 1).check()


def test_a_pdq_bound_never_exceeds_the_setting() -> None:
    pictures = strangers(100, 15)

    assert calibrated(aim(Signal.PDQ, 0.01), pictures).card.value > 31
    capped = calibrated(aim(Signal.PDQ, 0.01), pictures, most_bits=31).card
    assert (capped.value, capped.false_positives) == (31, 0)
