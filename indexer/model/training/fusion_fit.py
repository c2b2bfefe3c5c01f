"""Fit of a fusion: weights of the signals that tell copies from strangers.

A mixture of three kinds of copies (both signals survived the edit, or one of them) is fitted by
maximum likelihood, each signal's ratio a monotone piecewise linear function. What that makes of
strangers is then measured, and scale and prior are set so that strangers reach x nats once in
exp(x) comparisons, as `types.Fusion` promises.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
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
_NO_CURVE: Final = Curve((0.0, 1.0), (0.0, 0.0))
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
    fusion = _normalised(_fit(given.copies, given.owners, some, shares), strangers)
    fusion = replace(
        fusion,
        embedding=_extended(fusion.embedding, strangers.normalised),
        pdq=_turned(_extended(_turned(fusion.pdq), -strangers.bits.astype(np.float32))),
    )
    scale, _ = _calibrate(fusion, strangers, given.orientations)
    fusion = _scaled(fusion, scale)
    _, shift = _calibrate(fusion, strangers, given.orientations)
    return replace(
        fusion,
        prior=round(fusion.prior + shift, 3),
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
) -> Fusion:
    """Fit the mixture: logits ln(exp(b + e + p) + exp(c + e) + exp(d + p)).

    The piece of a copy that speaks most counts, so that pieces are chosen and weights fitted in
    turns.
    """
    starts = np.flatnonzero(np.diff(owners, prepend=-1))
    ends = [*starts[1:].tolist(), len(owners)]
    of_copies, of_strangers = _features(copies), _features(strangers)
    count = len(starts)
    answers = np.concatenate([np.ones(count), np.zeros(len(strangers.bits))])
    counted = np.concatenate([np.ones(count), shares])
    offset = float(np.log(count / shares.sum()))
    given = np.concatenate([[-1.0, -2.0, -2.0], *(_start(matrix) for matrix in of_copies)])
    limits = [(None, None)] * 3 + [
        (None, None) if column == 0 else (0, None)
        for matrix in of_copies
        for column in range(matrix.shape[1])
    ]
    for _ in range(_ROUNDS):
        weights = _mixture(given, of_copies)[0]
        best = np.array(
            [
                start + int(weights[start:end].argmax())
                for start, end in zip(starts, ends, strict=True)
            ]
        )
        features = [
            np.concatenate([ours[best], theirs])
            for ours, theirs in zip(of_copies, of_strangers, strict=True)
        ]

        def loss(
            given: NDArray[np.float64], features: Sequence[NDArray[np.float64]] = features
        ) -> tuple[float, NDArray[np.float64]]:
            weights, kinds = _mixture(given, features)
            logits = offset + weights
            chances = 1 / (1 + np.exp(-np.clip(logits, -60, 60)))
            value = (counted * (np.logaddexp(0, logits) - answers * logits)).sum() / count
            slope = counted * (chances - answers) / count
            ridge = _RIDGE * given / count
            ridge[:3] = 0
            gradient = np.concatenate(
                [
                    kinds @ slope,
                    features[0].T @ (slope * (kinds[0] + kinds[1])),
                    features[1].T @ (slope * (kinds[0] + kinds[2])),
                ]
            )
            return float(value + ridge @ given / 2), gradient + ridge

        given = minimize(loss, given, jac=True, method="L-BFGS-B", bounds=limits).x
    both, embedding_alone, pdq_alone = given[:3].tolist()
    width = of_copies[0].shape[1]
    rises, falls = np.cumsum(given[3 : 3 + width]), np.cumsum(given[3 + width :])
    return Fusion(
        version="",
        prior=both,
        embedding=Curve(_COSINES, tuple(rises.tolist())),
        pdq=Curve(_BITS, tuple(falls[::-1].tolist())),
        details=_NO_CURVE,
        bias=0.0,
        near_duplicate=0.0,
        lookalike=0.0,
        embedding_alone=embedding_alone - both,
        pdq_alone=pdq_alone - both,
    )


def _start(features: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a first guess of a curve: below nothing at its low end, then rising evenly."""
    return np.concatenate([[-3.0], np.ones(features.shape[1] - 1)])


def _mixture(
    given: NDArray[np.float64], features: Sequence[NDArray[np.float64]]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the log of the mixture, (n,), and the share of each kind of copy in it, (3, n)."""
    width = features[0].shape[1]
    e, p = features[0] @ given[3 : 3 + width], features[1] @ given[3 + width :]
    kinds = np.stack([given[0] + e + p, given[1] + e, given[2] + p])
    weights = np.logaddexp(np.logaddexp(kinds[0], kinds[1]), kinds[2])
    return weights, np.exp(kinds - weights)


def _normalised(fusion: Fusion, strangers: Pairs) -> Fusion:
    """Make each signal's ratio 1 on average over strangers, as a likelihood ratio is.

    Then 0 nats is what an unknown signal says.
    """
    known = strangers.bits < UNKNOWN_BITS
    e = float(np.log(np.exp(fusion.embedding(strangers.normalised).astype(np.float64)).mean()))
    p = float(np.log(np.exp(fusion.pdq(strangers.bits[known]).astype(np.float64)).mean()))
    return replace(
        fusion,
        prior=fusion.prior + e + p,
        embedding=Curve(fusion.embedding.values, tuple(n - e for n in fusion.embedding.nats)),
        pdq=Curve(fusion.pdq.values, tuple(n - p for n in fusion.pdq.nats)),
        embedding_alone=fusion.embedding_alone - p,
        pdq_alone=fusion.pdq_alone - e,
    )


def _features(pairs: Pairs) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return one, and how much of each stretch of either curve a pair has passed, 0 to 1.

    Of an unknown PDQ nothing is one: it says 0 nats.
    """
    known = (pairs.bits < UNKNOWN_BITS).astype(np.float64)
    cosines = [np.ones(len(known))] + [
        np.clip((pairs.normalised - low) / (high - low), 0, 1) for low, high in pairwise(_COSINES)
    ]
    bits = [known] + [
        np.clip((high - pairs.bits) / (high - low), 0, 1) * known
        for low, high in [*pairwise(_BITS)][::-1]
    ]
    return np.stack(cosines, axis=1), np.stack(bits, axis=1)


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


def _calibrate(fusion: Fusion, strangers: Pairs, orientations: int) -> tuple[float, float]:
    """Return scale and shift with which strangers reach x once in exp(x) comparisons.

    A line is laid through the quantiles of their tail.
    """
    raw = np.sort(fusion.weigh(strangers.normalised, strangers.bits))[::-1]
    ranks = np.geomspace(max(_FEWEST, _TAIL[0] * len(raw)), _TAIL[1] * len(raw), 30).astype(int)
    wanted = np.log(len(raw) * orientations / ranks)
    scale, _ = np.polyfit(raw[ranks - 1], wanted, 1)
    return float(scale), float((wanted - raw[ranks - 1]).mean())


def _scaled(fusion: Fusion, scale: float) -> Fusion:
    """Scale all weights, rounded to what people can read."""

    def curve(given: Curve) -> Curve:
        return Curve(given.values, tuple(round(scale * nats, 3) for nats in given.nats))

    return replace(
        fusion,
        prior=scale * fusion.prior,
        embedding=curve(fusion.embedding),
        pdq=curve(fusion.pdq),
        embedding_alone=round(scale * fusion.embedding_alone, 3),
        pdq_alone=round(scale * fusion.pdq_alone, 3),
    )
