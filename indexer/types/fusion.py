"""Fusion of signals: how much each speaks for a copy, as log-odds that add up.

    log-odds = prior + w(cosine) + w(PDQ distance) + w(details) - ln(comparisons)

Each w is the log-likelihood ratio of a copy against a stranger at a measured value, in nats. With
the number of comparisons taken off, a stranger among N images reaches a bound b about exp(-b) times
an upload whatever N is: the number of false alarms of a-contrario detection (Desolneux, Moisan and
Morel 2000), which sequence search knows as the E-value (Karlin and Altschul 1990).
"""

from dataclasses import dataclass
from math import log
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from indexer.types.described import described

_PDQ_BITS: Final = 256
_SPEAKS: Final = 1.0  # nats

LogOdds = NDArray[np.float32]
"""Float32 log-odds in nats, of any shape."""


@dataclass(frozen=True, slots=True)
class Curve:
    """A monotone function through points, linear between them and constant beyond its ends."""

    values: tuple[float, ...]  # ascending
    nats: tuple[float, ...]  # ascending or descending

    def __call__(self, values: ArrayLike) -> LogOdds:
        """Return the log-likelihood ratios of measured values, of the same shape."""
        interpolated = np.interp(np.asarray(values, np.float64), self.values, self.nats)
        return np.asarray(interpolated, np.float32)

    def least(self, nats: float) -> float:
        """Return the least value of an ascending curve that reaches this much; inf if none does."""
        if nats > self.nats[-1]:
            return float("inf")
        return float(np.interp(nats, self.nats, self.values))

    @property
    def most(self) -> float:
        """The greatest log-likelihood ratio."""
        return max(self.nats)


@described
@dataclass(frozen=True, slots=True)
class Contribution:
    """What one signal adds to the log-odds of a match."""

    signal: str
    """embedding, pdq, geometry, comparisons or prior."""
    value: float | None
    """What was measured: normalised cosine, bits, inliers, or the number of comparisons."""
    log_odds: float
    """What it adds, in nats: above 0 it speaks for a copy, below 0 against."""


@dataclass(frozen=True, slots=True)
class Fusion:
    """The weights of the signals in one embedding space, and the bounds that come with them."""

    version: str  # 8 hex digits of its contents
    prior: float  # nats
    embedding: Curve  # of the normalised cosine: cosine minus the bias of the query
    pdq: Curve  # of the Hamming distance in bits
    details: Curve  # of the inliers of geometric verification
    bias: float  # mean bias of a query, for where it is not measured
    near_duplicate: float  # log-odds from which a match is a near duplicate
    lookalike: float  # log-odds from which a match is a lookalike

    @property
    def pdq_reach(self) -> int:
        """The greatest distance in bits that speaks for a copy: no reason to look farther."""
        bits = np.arange(_PDQ_BITS + 1)
        return int(bits[self.pdq(bits) >= _SPEAKS].max(initial=0))

    def weigh(self, normalised: ArrayLike, bits: ArrayLike) -> LogOdds:
        """Add up prior, embedding and PDQ, without the number of comparisons.

        Parameters
        ----------
        normalised : array of shape (...), float
            Cosine minus the bias of the query.
        bits : array of shape (...), int
            PDQ distance; anything above 256 where it is unknown.
        """
        weights: LogOdds = self.embedding(normalised) + self.pdq(bits) + np.float32(self.prior)
        return weights

    def contributions(self, normalised: float | None, bits: int | None) -> tuple[Contribution, ...]:
        """Return what each signal adds for one pair; None for what was not measured."""
        found = [Contribution("prior", None, self.prior)]
        if normalised is not None:
            weight = float(self.embedding(normalised))
            found.insert(0, Contribution("embedding", normalised, weight))
        if bits is not None:
            found.insert(-1, Contribution("pdq", bits, float(self.pdq(bits))))
        return tuple(found)

    def least_similarity(self, log_odds: float, comparisons: int, pdq: float = 0.0) -> float:
        """Return the least normalised cosine that reaches a bound; inf where none does.

        Parameters
        ----------
        log_odds : float
            The bound.
        comparisons : int
        pdq : float
            The most that PDQ may add, in nats.
        """
        return self.embedding.least(log_odds + cost_of(comparisons) - self.prior - pdq)


def cost_of(comparisons: int) -> float:
    """Return what a number of comparisons takes off the log-odds, in nats."""
    return log(max(1, comparisons))
