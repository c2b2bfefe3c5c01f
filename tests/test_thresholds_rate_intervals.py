from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.thresholds.rate_intervals import (
    Interval,
    clopper_pearson,
    student_quantile,
)

pytestmark = pytest.mark.numeric


def binomial_tail(successes: int, trials: int, rate: float) -> float:
    """Return the probability of so many successes or more."""
    return sum(
        comb(trials, k) * rate**k * (1 - rate) ** (trials - k) for k in range(successes, trials + 1)
    )


@given(st.integers(1, 200), st.data())
def test_the_ends_are_where_the_binomial_tails_are_2_5_percent(
    trials: int, data: st.DataObject
) -> None:
    successes = data.draw(st.integers(0, trials))

    interval = clopper_pearson(successes, trials)

    if successes:
        assert binomial_tail(successes, trials, interval.low) == pytest.approx(0.025, rel=1e-6)
    else:
        assert interval.low == 0
    if successes < trials:
        above = 1 - binomial_tail(successes + 1, trials, interval.high)
        assert above == pytest.approx(0.025, rel=1e-6)
    else:
        assert interval.high == 1


@given(st.floats(1, 1e9), st.floats(0, 1))
def test_the_interval_contains_the_rate(trials: float, rate: float) -> None:
    interval = clopper_pearson(rate * trials, trials)

    assert 0 <= interval.low <= interval.high <= 1
    assert interval.low - 1e-9 <= rate <= interval.high + 1e-9


@given(st.integers(1, 10_000))
def test_nothing_seen_in_n_trials_leaves_rates_up_to_3_7_in_n(trials: int) -> None:
    interval = clopper_pearson(0, trials)

    assert interval.low == 0
    assert interval.high == pytest.approx(1 - 0.025 ** (1 / trials), rel=1e-9)


def test_an_interval_says_what_lies_in_it() -> None:
    assert 0.2 in Interval(0.1, 0.2)
    assert 0.21 not in Interval(0.1, 0.2)


@pytest.mark.parametrize(
    ("successes", "trials"),
    [(1, 0), (-1, 3), (4, 3), (float("nan"), 3), (0, float("nan")), (0, float("inf"))],
)
def test_what_is_no_rate_is_refused(successes: float, trials: float) -> None:
    with pytest.raises(ValueError, match="not a valid rate"):
        clopper_pearson(successes, trials)


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [
        (0.5, 17.25, 2.80558615529e-5, 0.24050019936983),
        (2.75, 431.5, 0.00119265061615, 0.01931514914140),
        (3, 10_000, 6.18714857484e-5, 0.00087647452251),
    ],  # computed with 40 digits
)
def test_the_interval_of_counts_that_are_not_whole(
    successes: float, trials: float, low: float, high: float
) -> None:
    interval = clopper_pearson(successes, trials)

    assert (interval.low, interval.high) == pytest.approx((low, high), abs=1e-9)


@pytest.mark.parametrize(
    ("freedom", "expected"),
    [(1, 12.706204736175), (2, 4.302652729750), (5, 2.570581835636), (30, 2.042272456301)],
)
def test_student_s_quantile_is_that_of_the_tables(freedom: float, expected: float) -> None:
    assert student_quantile(freedom) == pytest.approx(expected, abs=1e-9)
