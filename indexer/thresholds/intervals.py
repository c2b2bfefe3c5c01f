"""How sure a rate is that was counted: the interval of Clopper and Pearson."""

from collections.abc import Callable
from dataclasses import dataclass
from math import exp, isfinite, lgamma, log, log1p, sqrt
from typing import Final

CONFIDENCE: Final = 0.95
_TINY: Final = 1e-300  # stands for 0 in a denominator
_EXACT: Final = 1e-12  # relative change at which a fraction or an interval has settled
_MOST_TERMS: Final = 100_000


@dataclass(frozen=True, slots=True)
class Interval:
    """Where a rate lies with 95 % confidence."""

    low: float
    high: float

    def __contains__(self, rate: float) -> bool:
        """Tell whether a rate lies in it, its ends included."""
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
        raise ValueError(f"{successes} of {trials} is no rate.")
    tail = (1 - CONFIDENCE) / 2
    failures = trials - successes
    low = _quantile(tail, successes, failures + 1) if successes else 0.0
    high = _quantile(1 - tail, successes + 1, failures) if failures else 1.0
    return Interval(low, high)


def student_quantile(freedom: float) -> float:
    """Return what Student's t with some degrees of freedom stays within, either side, at 95 %."""
    x = _quantile(1 - CONFIDENCE, freedom / 2, 0.5)
    return sqrt(freedom * (1 / x - 1))


def _quantile(share: float, a: float, b: float) -> float:
    """Return the `share` quantile of the beta distribution with parameters a and b."""
    return _bisect(lambda x: regularised_beta(x, a, b) < share)


def _bisect(is_below: Callable[[float], bool]) -> float:
    """Find where a rising condition on (0, 1) stops to hold, to a relative precision."""
    low, high = 0.0, 1.0
    while high - low > _EXACT * high:
        middle = (low + high) / 2
        if not low < middle < high:  # the floats between them are used up
            break
        if is_below(middle):
            low = middle
        else:
            high = middle
    return (low + high) / 2


def regularised_beta(x: float, a: float, b: float) -> float:
    """Return the regularised incomplete beta function, the beta distribution's, at x in [0, 1]."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    factor = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x))
    if x < (a + 1) / (a + b + 2):  # there the fraction converges fast
        return factor * _continued_fraction(x, a, b) / a
    return 1 - factor * _continued_fraction(1 - x, b, a) / b


def _continued_fraction(x: float, a: float, b: float) -> float:
    """Evaluate the fraction of the incomplete beta function by Lentz's method (DLMF 8.17.22)."""
    c, d = 1.0, 1 / _nonzero(1 - (a + b) * x / (a + 1))
    value = d
    for m in range(1, _MOST_TERMS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = 1 / _nonzero(1 + term * d)
            c = _nonzero(1 + term / c)
            value *= c * d
        if abs(c * d - 1) < _EXACT:
            break
    return value


def _nonzero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
