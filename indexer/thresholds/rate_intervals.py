"""Intervals of counted false-positive rates, although comparisons depend on each other.

One picture takes part in many comparisons, so ten thousand of them say less than ten thousand
independent ones would. How much less is measured by leaving out one picture at a time (jackknife),
and the interval is that of Clopper and Pearson for as many independent trials as would vary as
much, fewer still where that was measured by a handful of pictures (Korn and Graubard 1998). On
made-up pictures that are alike in groups of very different size, it held the rate of other such
pictures in 57 of 60 cases, and in 53 without the last step.

Pictures of one source are more alike than others, and sources differ. Where the sources are known
they are left out one at a time instead, and a second interval says where the rate of other sources
is to be expected.
"""

from dataclasses import dataclass
from math import isfinite, log2
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import NDArray

from indexer.thresholds.picture_matrix import Sources
from indexer.thresholds.score_histogram import LEAST_TAIL, ScoreHistogram
from indexer.types import RateUnit

CONFIDENCE: Final = 0.95
_NORMAL_QUANTILE: Final = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)  # 1.96
LEAST_SOURCES: Final = 10
"""Sources from which the difference between them can be measured."""
_LEAST_FREEDOM: Final = 5.0
"""Degrees of freedom of sources at least: with one the prediction would be anything. Of made-up
collections of 12 or 30 sources, whose rates follow gamma or log-normal distributions, 93 to 98 %
lay where predicted, and 90 to 95 % where one source may hold most of the pictures."""
_LEAST_PICTURES: Final = 3  # from which one can be left out and a pair be there still


@dataclass(frozen=True, slots=True)
class Interval:
    """Where a rate lies with 95 % confidence."""

    low: float
    high: float

    def __contains__(self, rate: float) -> bool:
        """Return whether a rate lies in it, its ends included."""
        return self.low <= rate <= self.high


def clopper_pearson(successes: float, trials: float) -> Interval:
    """Return the exact 95 % interval of a rate (Clopper and Pearson 1934).

    Counts need not be whole: where trials depend on each other, Korn and Graubard (1998) put the
    number of independent trials that would be as informative in their place.

    Parameters
    ----------
    successes : float
        Not negative.
    trials : float
        Above 0, and not less than `successes`.

    Raises
    ------
    ValueError
        The counts are none.
    """
    if not (isfinite(trials) and trials > 0 and 0 <= successes <= trials):
        raise ValueError(f"{successes} of {trials} is not a valid rate.")
    from scipy.special import betaincinv

    tail = (1 - CONFIDENCE) / 2
    failures = trials - successes
    low = float(betaincinv(successes, failures + 1, tail)) if successes else 0.0
    high = float(betaincinv(successes + 1, failures, 1 - tail)) if failures else 1.0
    return Interval(low, high)


def student_quantile(freedom: float) -> float:
    """Return the two-sided 95 % quantile of Student's t with some degrees of freedom."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, (1 + CONFIDENCE) / 2))


def scores(histogram: ScoreHistogram, unit: RateUnit) -> NDArray[np.float32]:
    """Return the closeness of uploads, or of the closest comparisons, highest first, float32."""
    if unit is RateUnit.COMPARISON:
        return histogram.tail
    return np.sort(histogram.best[:, 0])[::-1]


def trials(histogram: ScoreHistogram, unit: RateUnit) -> int:
    """Count the uploads, or comparisons, that there are."""
    return histogram.comparisons if unit is RateUnit.COMPARISON else histogram.queries


def count_false_positives(histogram: ScoreHistogram, unit: RateUnit, bound: float) -> int:
    """Count the uploads, or comparisons, that reach a bound (a closeness within the tail)."""
    return int(np.count_nonzero(scores(histogram, unit) >= bound))


def rate_interval(
    histogram: ScoreHistogram, unit: RateUnit, bound: float, sources: Sources | None = None
) -> Interval:
    """Return the 95 % confidence interval of the false-positive rate at a bound.

    Dependence is measured at the bound; where too few trials reach that to measure anything, at the
    `LEAST_TAIL` closest ones.

    Parameters
    ----------
    histogram : ScoreHistogram
    unit : RateUnit
    bound : float
        A closeness within the tail.
    sources : ndarray of shape (n,), int64, optional
        Source of each query, from 0; without them each picture is left out by itself.
    """
    rate, independent = _measured(histogram, unit, bound, sources)
    return clopper_pearson(rate * independent, independent)


def prediction_interval(
    histogram: ScoreHistogram, unit: RateUnit, bound: float, sources: Sources
) -> Interval:
    """Return where the rate of as many other sources lies with 95 % probability.

    The rate of a collection of sources is taken to follow a gamma distribution, as where counts
    are negative binomial (Greenwood and Yule 1920), so that the ratio of two collections' rates
    follows the F distribution. Its shape is the number of independent false positives. Of none,
    the limit is that of a Poisson count after a count of 0 (Nelson 1982).

    Parameters
    ----------
    histogram : ScoreHistogram
    unit : RateUnit
    bound : float
        A closeness within the tail.
    sources : ndarray of shape (n,), int64
        Source of each query, from 0.
    """
    from scipy.special import fdtri

    rate, independent = _measured(histogram, unit, bound, sources)
    if not rate:
        return Interval(0.0, min(log2(2 / (1 - CONFIDENCE)) / independent, 1.0))
    freedom = 2 * rate * independent
    ratio = float(fdtri(freedom, freedom, (1 + CONFIDENCE) / 2))
    return Interval(rate / ratio, min(rate * ratio, 1.0))


def _measured(
    histogram: ScoreHistogram, unit: RateUnit, bound: float, sources: Sources | None
) -> tuple[float, float]:
    """Return the rate at a bound, and of how many independent trials it is."""
    rate = count_false_positives(histogram, unit, bound) / trials(histogram, unit)
    closest = scores(histogram, unit)[:LEAST_TAIL]
    at = min(bound, float(closest[-1]))
    return rate, _independent_trials(histogram, unit, at, sources)


def _independent_trials(
    histogram: ScoreHistogram, unit: RateUnit, bound: float, sources: Sources | None
) -> float:
    """Return how many independent trials would vary as much as those that reach a bound.

    Where nothing varies, or too few pictures are there to tell, each picture (or source) counts for
    one.
    """
    pictures, total = histogram.queries, trials(histogram, unit)
    rate = count_false_positives(histogram, unit, bound) / total
    if sources is None and unit is RateUnit.UPLOAD and not histogram.is_square:
        return float(pictures)  # they have nothing to do with each other
    left_out = np.arange(pictures) if sources is None else sources
    units = int(left_out.max()) + 1
    if not 0 < rate < 1 or units < _LEAST_PICTURES:
        return float(units)
    without = rates_without(histogram, unit, bound, left_out)
    squares = (without - without.mean()) ** 2
    if not squares.any():
        return float(units)
    variance = (units - 1) / units * float(squares.sum())
    freedom = float(squares.sum() ** 2 / (squares**2).sum()) - 1  # what makes it up, less 1
    least = 1.0 if sources is None else _LEAST_FREEDOM
    independent = min(rate * (1 - rate) / variance, float(total))
    return independent * (_NORMAL_QUANTILE / student_quantile(max(freedom, least))) ** 2


def rates_without(
    histogram: ScoreHistogram, unit: RateUnit, bound: float, left_out: Sources
) -> NDArray[np.float64]:
    """Return the rate as it would be without each of the sources, or pictures, (s,) float64."""
    if unit is RateUnit.UPLOAD:
        return _upload_rates(histogram, bound, left_out)
    return _comparison_rates(histogram, bound, left_out)


def _comparison_rates(
    histogram: ScoreHistogram, bound: float, left_out: Sources
) -> NDArray[np.float64]:
    reached = histogram.tail >= bound
    pictures, size = histogram.queries, np.bincount(left_out)
    ours = left_out[histogram.tail_queries[reached]]
    involved = np.bincount(ours, minlength=len(size))
    left = (pictures - size) / pictures
    if histogram.is_square:  # a picture that is left out is gone from both sides
        theirs = left_out[histogram.tail_references[reached]]
        involved += np.bincount(theirs[theirs != ours], minlength=len(size))
        left *= (pictures - size - 1) / (pictures - 1)
    return (len(ours) - involved) / (histogram.comparisons * left)


def _upload_rates(
    histogram: ScoreHistogram, bound: float, left_out: Sources
) -> NDArray[np.float64]:
    reached = histogram.best >= bound
    size = np.bincount(left_out)
    involved = np.bincount(left_out[reached[:, 0]], minlength=len(size))
    if histogram.is_square:  # without its only match an upload has none
        lone = reached[:, 0] & ~reached[:, 1]
        ours, theirs = left_out[lone], left_out[histogram.partner[lone]]
        involved += np.bincount(theirs[theirs != ours], minlength=len(size))
    return (np.count_nonzero(reached[:, 0]) - involved) / (histogram.queries - size)
