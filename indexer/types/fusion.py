"""Fusion of signals: how much each speaks for a copy, as log-odds.

An edit leaves both signals intact, or only one of them. With e and p the log-likelihood ratios of a
copy against a stranger by the embedding and by PDQ, where they survive the edit:

    log-odds = prior + ln(exp(e + p + g) + exp(a + e + g) + exp(b + p + max(g, 0)))
               - ln(comparisons)

So a signal that did not survive does not speak against the other: edits that leave PDQ alone
repaint the details as well, so that few inliers (g) do not speak against it. All are in nats. With
the number of comparisons taken off, strangers reach a bound x about exp(-x) times an upload however
many images are searched: the number of false alarms of a-contrario detection (Desolneux, Moisan and
Morel 2000), which sequence search knows as the E-value (Karlin and Altschul 1990).
"""

from dataclasses import dataclass
from math import exp, expm1, log, log1p
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from indexer.types.described import described

_PDQ_BITS: Final = 256
_SPEAKS: Final = 1.0  # nats
_LEAST_STORED: Final = 1_000
_NEVER: Final = -1000.0  # nats: a mixture of one kind
_CERTAIN: Final = 50.0  # nats beside which what is less adds nothing

LogOdds = NDArray[np.float32]
"""Float32 log-odds in nats, of any shape."""
LEAST_VERIFIED: Final = -4.0
"""Log-odds below which a candidate is not worth verifying. On the development benchmark two of
three strangers have one above -2, which finds 0.6 % of the copies fewer, and nearly all one above
-4; below it nothing is found."""


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
    embedding_alone: float = _NEVER  # log-odds of edits that leave the embedding alone, to both
    pdq_alone: float = _NEVER  # log-odds of edits that leave PDQ alone, to both

    @property
    def pdq_reach(self) -> int:
        """The greatest distance in bits that speaks for a copy: no reason to look farther."""
        bits = np.arange(_PDQ_BITS + 1)
        return int(bits[self.of_pdq(bits) >= _SPEAKS].max(initial=0))

    def of_pdq(self, bits: ArrayLike) -> LogOdds:
        """Return what PDQ says by itself; nothing where the distance is unknown, above 256."""
        weights: LogOdds = np.where(np.asarray(bits) > _PDQ_BITS, np.float32(0), self.pdq(bits))
        return weights

    def join(self, embedding: ArrayLike, pdq: ArrayLike) -> LogOdds:
        """Return prior and both signals together, of what each says by itself; 0 is unknown."""
        e, p = np.asarray(embedding, np.float32), np.asarray(pdq, np.float32)
        alone = np.float32(self.embedding_alone) + e, np.float32(self.pdq_alone) + p
        either = np.logaddexp(e + p, np.logaddexp(*alone))
        return np.asarray(np.float32(self.prior) + either, np.float32)

    def weigh(self, normalised: ArrayLike, bits: ArrayLike) -> LogOdds:
        """Return prior and both signals together, without the number of comparisons.

        Parameters
        ----------
        normalised : array of shape (...), float
            Cosine minus the bias of the query.
        bits : array of shape (...), int
            PDQ distance; anything above 256 where it is unknown.
        """
        return self.join(self.embedding(normalised), self.of_pdq(bits))

    def of_details(self, inliers: int, normalised: float | None, bits: float | None) -> float:
        """Return what verification adds to the weight of a pair, in nats.

        Parameters
        ----------
        inliers : int
        normalised : float, optional
            Cosine minus the bias of the query; None where it is unknown.
        bits : float, optional
            PDQ distance; None where it is unknown.
        """
        nats = float(self.details(inliers))
        if nats >= 0:
            return nats
        e = 0.0 if normalised is None else float(self.embedding(normalised))
        p = 0.0 if bits is None else float(self.of_pdq(bits))
        only_pdq = exp(min(0.0, self.prior + self.pdq_alone + p - float(self.join(e, p))))
        return nats + log1p(only_pdq * expm1(-nats))

    def shares(
        self, normalised: ArrayLike | None, bits: ArrayLike | None
    ) -> tuple[LogOdds, LogOdds, float]:
        """Return what embedding and PDQ add to each weight, and the prior that is left.

        Each adds the mean of what it adds before and after the other (Shapley 1953), so that the
        sum is what `weigh` returns; None for a signal that was not measured.
        """
        e = np.float32(0) if normalised is None else self.embedding(normalised)
        p = np.float32(0) if bits is None else self.of_pdq(bits)
        prior = self.join(0, 0)
        before = self.join(e, 0) - prior, self.join(0, p) - prior
        together = self.join(e, p) - prior
        of_embedding = (before[0] + together - before[1]) / 2
        return of_embedding, together - of_embedding, float(prior)

    def contributions(self, normalised: float | None, bits: int | None) -> tuple[Contribution, ...]:
        """Return what each signal adds for one pair; None for what was not measured."""
        of_embedding, of_pdq, prior = self.shares(normalised, bits)
        return contributions_of(normalised, float(of_embedding), bits, float(of_pdq), prior)

    def least_similarity(self, log_odds: float, comparisons: int, pdq: float = 0.0) -> float:
        """Return the least normalised cosine that reaches a bound; inf where none does.

        Parameters
        ----------
        log_odds : float
            The bound.
        comparisons : int
        pdq : float
            The most that PDQ says by itself, in nats.
        """
        wanted = log_odds + cost_of(comparisons) - self.prior
        others = wanted - (self.pdq_alone + pdq)
        if others <= 0:
            return -1.0
        missing = wanted + log1p(-exp(-others)) if others < _CERTAIN else wanted
        return self.embedding.least(missing - float(np.logaddexp(pdq, self.embedding_alone)))


def contributions_of(
    normalised: float | None, of_embedding: float, bits: int | None, of_pdq: float, prior: float
) -> tuple[Contribution, ...]:
    """Return the contributions of one pair from the shares of many; see `Fusion.shares`."""
    found = []
    if normalised is not None:
        found.append(Contribution("embedding", normalised, of_embedding))
    if bits is not None:
        found.append(Contribution("pdq", bits, of_pdq))
    return (*found, Contribution("prior", None, prior))


def count_comparisons(stored: int, pieces: int = 1, orientations: int = 1) -> int:
    """Return of how many comparisons a match is the best.

    A small bank counts as `_LEAST_STORED` vectors: that an upload is a copy of one of a few entries
    is unlikely beforehand, and one in a hundred strangers would be too many to accuse.
    """
    return max(stored, _LEAST_STORED) * pieces * max(1, orientations)


def cost_of(comparisons: int) -> float:
    """Return what a number of comparisons takes off the log-odds, in nats."""
    return log(max(1, comparisons))
