"""Fit of a fusion: weights of the signals that tell copies from strangers.

A logistic regression on monotone piecewise linear functions of each signal (a generalised additive
model, Hastie and Tibshirani 1986). Its log-odds, less those of the sample's own shares, are
log-likelihood ratios. What they make of strangers is then measured, and scale and prior are set so
that strangers reach x nats once in exp(x) comparisons, as `types.Fusion` promises.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from indexer.errors import InputError
from indexer.types import Curve, Fusion

UNKNOWN_BITS: Final = 257
"""PDQ distance of two pictures of which one is too flat to hash."""
_COSINES: Final = (-0.15, -0.05, 0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.75)
_BITS: Final = (16, 32, 48, 60, 70, 78, 84, 88, 92, 96, 100, 106, 112, 120)
_INLIERS: Final = (0, 4, 6, 8, 10, 12, 15, 20, 30, 60)
_RIDGE: Final = 0.05  # of the weights, per copy: what no pair decides stays small
_ROUNDS: Final = 4  # of choosing the piece that speaks most, and fitting again
_COMMON: Final = (0.1, 96)  # a stranger with a lower cosine and a greater distance is common
_SHARE: Final = 0.01  # of the common strangers that are looked at
_TAIL: Final = (1e-6, 1e-3)  # shares of comparisons between which scale and prior are set
_FEWEST: Final = 20  # copies, and strangers in the tail
_MOST: Final = 30.0  # nats that a signal may add: beyond is no evidence, but confidence


@dataclass(frozen=True, slots=True)
class Pairs:
    """How pieces of queries compare with stored pictures."""

    normalised: NDArray[np.float32]  # (n,) cosine minus the bias of the query
    bits: NDArray[np.int16]  # (n,) PDQ distance; `UNKNOWN_BITS` where a picture is flat

    def take(self, rows: NDArray[Any]) -> "Pairs":
        """Return some of the pairs."""
        return Pairs(self.normalised[rows], self.bits[rows])


@dataclass(frozen=True, slots=True)
class Evidences:
    """What a fusion is fitted to, all of it measured in one embedding space."""

    copies: Pairs  # (n,) each piece of each edited copy with its original
    owners: NDArray[np.int64]  # (n,) whose piece it is, ascending: that which speaks most counts
    strangers: Pairs  # (m,) pieces with unrelated pictures
    verified_copies: NDArray[np.int64]  # inliers of copies that were verified
    verified_strangers: NDArray[np.int64]  # and of strangers
    orientations: int  # in which queries were hashed: so many comparisons a pair is
    bias: float  # the mean bias of a query


def fit_fusion(
    given: Evidences, *, near_duplicate: float, lookalike: float, seed: int = 0
) -> Fusion:
    """Fit the weights of one embedding space.

    Parameters
    ----------
    given : Evidences
    near_duplicate, lookalike : float
        Bounds of the tiers that go with the fusion, log-odds in nats.
    seed : int
        Of the choice of common strangers.

    Raises
    ------
    InputError
        There are too few copies or strangers to fit anything.
    """
    strangers, count = given.strangers, len(np.unique(given.owners))
    if count < _FEWEST or len(strangers.bits) * _TAIL[0] < 1:
        raise InputError(
            f"{count} copies and {len(strangers.bits)} pairs of strangers are too few to fit a "
            f"fusion: at least {_FEWEST} and {1 / _TAIL[0]:,.0f} are needed. Use more images."
        )
    random = np.random.default_rng(seed)
    common = (strangers.normalised < _COMMON[0]) & (strangers.bits > _COMMON[1])
    looked_at = np.flatnonzero(~common | (random.random(len(common)) < _SHARE))
    some = strangers.take(looked_at)
    shares = np.where(common[looked_at], 1 / _SHARE, 1.0)
    weights = _fit(given.copies, given.owners, some, shares)
    prior, embedding, pdq = _curves(weights)
    embedding = _extended(embedding, strangers.normalised)
    pdq = _turned(_extended(_turned(pdq), -strangers.bits.astype(np.float32)))
    raw = np.float32(prior) + embedding(strangers.normalised) + pdq(strangers.bits)
    scale, shift = _calibrate(np.sort(raw)[::-1], given.orientations)
    return Fusion(
        version="",
        prior=round(scale * prior + shift, 3),
        embedding=_scaled(embedding, scale),
        pdq=_scaled(pdq, scale),
        details=fit_details(given.verified_copies, given.verified_strangers),
        bias=round(given.bias, 4),
        near_duplicate=near_duplicate,
        lookalike=lookalike,
    )


def fit_details(copies: NDArray[np.int64], strangers: NDArray[np.int64]) -> Curve:
    """Fit the weight of inliers, by themselves: they are counted only of the likeliest candidates.

    The log of the ratio of how often copies and strangers reach each count, made monotone; half a
    pair is added to each, so that what was never seen is not impossible.
    """
    edges = np.array(_INLIERS)
    nats = []
    for low, high in zip(edges, [*edges[1:], np.inf], strict=True):
        ours = ((copies >= low) & (copies < high)).sum() + 0.5
        theirs = ((strangers >= low) & (strangers < high)).sum() + 0.5
        ratio = ours / (len(copies) + 1) / theirs * (len(strangers) + 1)
        nats.append(float(np.log(ratio)))
    return Curve(tuple(map(float, edges)), tuple(round(n, 3) for n in np.maximum.accumulate(nats)))


def _fit(
    copies: Pairs, owners: NDArray[np.int64], strangers: Pairs, shares: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the intercept and the rise of each piece of the curves, none below 0."""
    starts = np.flatnonzero(np.diff(owners, prepend=-1))
    count = len(starts)
    of_copies, of_strangers = _features(copies), _features(strangers)
    weights = np.concatenate([[-5.0], np.ones(of_copies.shape[1])])
    answers = np.concatenate([np.ones(count), np.zeros(len(of_strangers))])
    counted = np.concatenate([np.ones(count), shares])
    offset = np.log(count / shares.sum())
    for _ in range(_ROUNDS):
        speak = of_copies @ weights[1:]
        best = [
            start + int(speak[start:end].argmax())
            for start, end in zip(starts, [*starts[1:], len(speak)], strict=True)
        ]
        features = np.concatenate([of_copies[best], of_strangers])

        def loss(
            given: NDArray[np.float64], features: NDArray[np.float64] = features
        ) -> tuple[float, NDArray[np.float64]]:
            logits = given[0] + offset + features @ given[1:]
            chances = 1 / (1 + np.exp(-np.clip(logits, -60, 60)))
            value = (counted * (np.logaddexp(0, logits) - answers * logits)).sum() / count
            slope = counted * (chances - answers) / count
            ridge = _RIDGE * given[1:] / count
            gradient = np.concatenate([[slope.sum()], features.T @ slope + ridge])
            return float(value + ridge @ given[1:] / 2), gradient

        limits = [(None, None)] + [(0, None)] * features.shape[1]
        weights = minimize(loss, weights, jac=True, method="L-BFGS-B", bounds=limits).x
    return weights


def _features(pairs: Pairs) -> NDArray[np.float64]:
    """Return how much of each stretch of the curves a pair has passed, (n, stretches), 0 to 1."""
    columns = [
        np.clip((pairs.normalised - low) / (high - low), 0, 1) for low, high in pairwise(_COSINES)
    ]
    columns += [np.clip((high - pairs.bits) / (high - low), 0, 1) for low, high in pairwise(_BITS)]
    return np.stack(columns, axis=1).astype(np.float64)


def _curves(weights: NDArray[np.float64]) -> tuple[float, Curve, Curve]:
    """Return the prior and both curves of the weights that were fitted."""
    rises = weights[1 : len(_COSINES)]
    falls = weights[len(_COSINES) :]
    embedding = np.concatenate([[0], np.cumsum(rises)])
    pdq = np.concatenate([np.cumsum(falls[::-1])[::-1], [0]])
    return (
        float(weights[0]),
        Curve(_COSINES, tuple(embedding.tolist())),
        Curve(_BITS, tuple(pdq.tolist())),
    )


def _extended(curve: Curve, strangers: NDArray[np.float32]) -> Curve:
    """Continue a rising curve where strangers are too few to fit it.

    There the strangers' share is taken to fall on exponentially, as it does before, and that of
    copies to stay: the weight rises by as much as the share falls. Real shares fall more quickly
    still, so that the weight is cautious.
    """
    ordered = np.sort(strangers)[::-1]
    few, many = (float(ordered[int(rank)]) for rank in (_FEWEST, 50 * _FEWEST))
    slope = np.log(50) / max(few - many, 1e-6)
    nats = list(curve.nats)
    for knot in range(1, len(nats)):
        if curve.values[knot] > few:
            step = curve.values[knot] - max(curve.values[knot - 1], few)
            nats[knot] = max(nats[knot - 1] + slope * step, nats[knot])
    return Curve(curve.values, tuple(min(float(nat), _MOST) for nat in nats))


def _turned(curve: Curve) -> Curve:
    """Return a curve of the negative values."""
    return Curve(tuple(-value for value in curve.values[::-1]), curve.nats[::-1])


def _calibrate(raw: NDArray[np.float32], orientations: int) -> tuple[float, float]:
    """Return scale and shift with which strangers reach x once in exp(x) comparisons.

    `raw` is sorted, highest first. A line is laid through the quantiles of the tail.
    """
    ranks = np.geomspace(max(_FEWEST, _TAIL[0] * len(raw)), _TAIL[1] * len(raw), 30).astype(int)
    wanted = np.log(len(raw) * orientations / ranks)
    scale, shift = np.polyfit(raw[ranks - 1], wanted, 1)
    return float(scale), float(shift)


def _scaled(curve: Curve, scale: float) -> Curve:
    return Curve(curve.values, tuple(round(scale * nats, 3) for nats in curve.nats))
