"""Expected hits of an entry in an hour, and the probability of more.

Telling a flood from ordinary traffic is what disease surveillance calls aberration detection; the
test is that of Farrington et al. (A statistical algorithm for the early detection of outbreaks of
infectious disease, J. R. Statist. Soc. A 159, 1996) with the negative binomial tail of Noufaily et
al. (An improved algorithm for outbreak detection in multiple surveillance systems, Statistics in
Medicine 32, 2013), without their seasons: hits vary more than a Poisson process does, by a factor
that the history itself shows, and the mean is known only as well as the history is long.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

_PRIOR_HITS = 0.5  # Jeffreys' prior of a Poisson rate: an entry that was never hit may be yet


@dataclass(frozen=True, slots=True)
class Expectation:
    """The negative binomial distribution of the hits in one hour."""

    mean: float  # hits
    variance: float  # hits squared, more than the mean

    @classmethod
    def of(cls, hits: Sequence[int], hours: int) -> Self:
        """Learn from a history.

        With as much variance as a Poisson process has, this is its predictive distribution after
        `hours` hours under Jeffreys' prior. A history without an hour counts as one quiet hour.

        Parameters
        ----------
        hits : sequence of int
            The hits of each hour that had any.
        hours : int
            Hours observed, those without hits included: at least as many as `hits` has.
        """
        hours = max(hours, len(hits), 1)
        mean = (sum(hits) + _PRIOR_HITS) / hours
        observed = sum(hits) / hours
        squares = sum((count - observed) ** 2 for count in hits)
        squares += (hours - len(hits)) * observed**2
        excess = squares / (hours - 1) / observed if observed and hours > 1 else 1.0
        return cls(mean, max(1.0, excess) * mean * (1 + 1 / hours))

    def tail(self, hits: int) -> float:
        """Return the probability of at least so many hits in an hour."""
        if hits <= self.mean:
            return 1.0  # more than about one half, which is all that anyone asks
        from scipy.special import betainc

        size = self.mean**2 / (self.variance - self.mean)
        return float(betainc(hits, size, self.mean / (size + self.mean)))
