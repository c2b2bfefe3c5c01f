"""Metrics of a classifier: by class, overall, calibration, and bounds for false-positive rates."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_curve, roc_auc_score, roc_curve

from indexer.thresholds.rate_intervals import Interval, clopper_pearson

Scores = NDArray[np.float64]  # (n, classes), probabilities
Targets = NDArray[np.bool_]  # (n, classes)
_BINS: Final = 15  # of calibration, as Guo et al. 2017
_POINTS: Final = 120  # of a curve
_RESAMPLES: Final = 300
_RATES: Final = (0.001, 0.01, 0.05, 0.1)
_HALF: Final = 0.5
_TINY: Final = 1e-12


@dataclass(frozen=True, slots=True)
class Share:
    """A share of counted images with its 95 % interval (Clopper and Pearson 1934)."""

    count: int
    of: int
    share: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Measured:
    """A figure with its 95 % interval, by a bootstrap over groups of images."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Bound:
    """The least probability of a class that keeps to a false-positive rate."""

    target: float
    threshold: float | None  # None where no negative reaches any bound that a positive does
    false_positives: Share  # of the images that are not of the class
    recall: Share


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """How well one class is told from the others."""

    label: str
    positives: int
    negatives: int
    average_precision: float
    auroc: float
    precision: float | None  # of what is answered so; None where nothing is
    recall: float
    f1: float
    bounds: list[Bound]
    precision_curve: list[tuple[float, float]]  # recall, precision
    roc: list[tuple[float, float]]  # false-positive rate, recall


@dataclass(frozen=True, slots=True)
class CalibrationBin:
    """The images whose stated confidence is in a range."""

    low: float
    high: float
    images: int
    confidence: float  # mean
    accuracy: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """Whether stated probabilities hold."""

    ece: float  # mean distance of confidence and accuracy of the answers, by bins of equal width
    log_loss: float  # of the classes measured
    brier: float  # likewise
    bins: list[CalibrationBin]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Figures of a classifier on labelled images."""

    images: int
    groups: int
    multi_label: bool
    accuracy: Share  # of images whose every label is right
    balanced_accuracy: float  # mean recall of the classes
    macro_f1: float
    mean_average_precision: Measured
    calibration: Calibration
    classes: list[ClassFigures]
    confusion: list[list[int]] | None  # rows true, columns answered; None of a multi-label set
    majority_accuracy: float  # of always answering the commonest labels


def evaluate_scores(
    scores: Scores,
    targets: Targets,
    classes: Sequence[str],
    groups: NDArray[np.int64],
    *,
    multi_label: bool,
    elsewhere: NDArray[np.float64] | None = None,
) -> Evaluation:
    """Measure a classifier on n labelled images.

    Parameters
    ----------
    scores : ndarray of shape (n, classes), float64
        Probabilities.
    targets : ndarray of shape (n, classes), bool
        Each class has an image that is of it, and one that is not.
    classes : sequence of str
    groups : ndarray of shape (n,), int64
        Images of one group depend on each other.
    multi_label : bool
        Whether a class is answered from one half, instead of the likeliest alone.
    elsewhere : ndarray of shape (n,), float64, optional
        The largest probability of a class that no image is of; where it is above all of `scores`,
        it is the answer, and wrong.
    """
    if multi_label:
        answered = scores >= _HALF
    else:
        answered = _one_hot(scores.argmax(axis=1), scores.shape[1])
        if elsewhere is not None:
            answered &= (scores >= elsewhere[:, np.newaxis]).any(axis=1, keepdims=True)
    right = int((answered == targets).all(axis=1).sum())
    figures = [
        _figures(label, scores[:, number], targets[:, number], answered[:, number])
        for number, label in enumerate(classes)
    ]
    _, counts = np.unique(targets, axis=0, return_counts=True)
    return Evaluation(
        images=len(scores),
        groups=len(np.unique(groups)),
        multi_label=multi_label,
        accuracy=share(right, len(scores)),
        balanced_accuracy=float(np.mean([each.recall for each in figures])),
        macro_f1=float(np.mean([each.f1 for each in figures])),
        mean_average_precision=_mean_average_precision(scores, targets, groups),
        calibration=_calibration(scores, targets, elsewhere, multi_label=multi_label),
        classes=figures,
        confusion=None
        if multi_label
        else (targets.astype(np.int64).T @ answered.astype(np.int64)).tolist(),
        majority_accuracy=float(counts.max() / len(scores)),
    )


def share(count: int, of: int) -> Share:
    """Return a count as a share; of nothing it is unknown, 0 to 1."""
    if not of:
        return Share(0, 0, 0.0, 0.0, 1.0)
    interval: Interval = clopper_pearson(count, of)
    return Share(count, of, count / of, interval.low, interval.high)


def average_precision(scores: Scores, positive: NDArray[np.bool_]) -> float:
    """Return the average precision of (n,) scores; equal scores count together."""
    return float(_weighted_precision(_Ranking(scores, positive), np.ones(len(scores))))


class _Ranking:
    """The images of one class by falling score, ties together."""

    def __init__(self, scores: Scores, positive: NDArray[np.bool_]) -> None:
        self.order = np.argsort(-scores, kind="stable")
        ranked = scores[self.order]
        self.positive = positive[self.order]
        self.ends = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))


def _weighted_precision(ranking: _Ranking, weights: NDArray[np.float64]) -> float:
    """Return the average precision where each image counts so many times."""
    ranked = weights[ranking.order]
    hits = np.cumsum(ranked * ranking.positive)[ranking.ends]
    if not hits[-1]:
        return float("nan")
    seen = np.maximum(np.cumsum(ranked)[ranking.ends], _TINY)
    return float(((hits / seen) * np.diff(hits, prepend=0.0)).sum() / hits[-1])


def _mean_average_precision(
    scores: Scores, targets: Targets, groups: NDArray[np.int64]
) -> Measured:
    """Return the mean over classes, and its interval from resampled groups."""
    rankings = [_Ranking(s, t) for s, t in zip(scores.T, targets.T, strict=True)]
    _, member = np.unique(groups, return_inverse=True)
    random = np.random.default_rng(0)
    count = int(member.max()) + 1
    means = []
    for _ in range(_RESAMPLES):
        drawn = np.bincount(random.integers(0, count, count), minlength=count)
        weights = drawn[member].astype(np.float64)
        means.append(np.nanmean([_weighted_precision(each, weights) for each in rankings]))
    low, high = np.quantile(means, (0.025, 0.975))
    ones = np.ones(len(scores))
    value = float(np.mean([_weighted_precision(each, ones) for each in rankings]))
    return Measured(value, float(low), float(high))


def _figures(
    label: str, scores: Scores, positive: NDArray[np.bool_], answered: NDArray[np.bool_]
) -> ClassFigures:
    hits = int((answered & positive).sum())
    count, said = int(positive.sum()), int(answered.sum())
    precision, recall, _ = precision_recall_curve(positive, scores)
    rates, found, _ = roc_curve(positive, scores)
    return ClassFigures(
        label=label,
        positives=count,
        negatives=len(positive) - count,
        average_precision=average_precision(scores, positive),
        auroc=float(roc_auc_score(positive, scores)),
        precision=hits / said if said else None,
        recall=hits / count,
        f1=2 * hits / (said + count),
        bounds=[_bound(rate, scores, positive) for rate in _RATES],
        precision_curve=_thin(recall[::-1], precision[::-1]),
        roc=_thin(rates, found),
    )


def _bound(target: float, scores: Scores, positive: NDArray[np.bool_]) -> Bound:
    """Choose the least score that at most a share `target` of the negatives reaches."""
    negatives = np.sort(scores[~positive])[::-1]
    allowed = int(target * len(negatives) + 1e-9)
    highest = negatives[allowed]  # must not reach the bound; at least one is left
    reaching = np.unique(scores[scores > highest])
    threshold = float(reaching[0]) if len(reaching) else None
    reached = scores > highest
    return Bound(
        target=target,
        threshold=threshold,
        false_positives=share(int((reached & ~positive).sum()), len(negatives)),
        recall=share(int((reached & positive).sum()), int(positive.sum())),
    )


def _calibration(
    scores: Scores,
    targets: Targets,
    elsewhere: NDArray[np.float64] | None,
    *,
    multi_label: bool,
) -> Calibration:
    clipped = np.clip(scores, _TINY, 1 - _TINY)
    if multi_label:  # of each class alone
        confidence, correct = scores.ravel(), targets.ravel()
        loss = float(-np.log(np.where(targets, clipped, 1 - clipped)).mean())
    else:  # of the answer
        confidence = scores.max(axis=1)
        correct = targets[np.arange(len(scores)), scores.argmax(axis=1)]
        if elsewhere is not None:  # an answer that is wrong of every image
            correct = correct & (confidence >= elsewhere)
            confidence = np.maximum(confidence, elsewhere)
        loss = float(-np.log(clipped[targets]).mean())
    edges = np.linspace(0, 1, _BINS + 1)
    places = np.clip(np.digitize(confidence, edges) - 1, 0, _BINS - 1)
    bins = [
        CalibrationBin(
            low=float(edges[number]),
            high=float(edges[number + 1]),
            images=int(inside.sum()),
            confidence=float(confidence[inside].mean()),
            accuracy=float(correct[inside].mean()),
        )
        for number in range(_BINS)
        if (inside := places == number).any()
    ]
    ece = sum(each.images * abs(each.confidence - each.accuracy) for each in bins)
    brier = float(((scores - targets) ** 2).sum(axis=1).mean())
    return Calibration(ece / len(confidence), loss, brier, bins)


def _one_hot(numbers: NDArray[np.int64], classes: int) -> Targets:
    return np.asarray(numbers[:, np.newaxis] == np.arange(classes))


def _thin(xs: NDArray[np.float64], ys: NDArray[np.float64]) -> list[tuple[float, float]]:
    """Keep some points of a curve, the ends among them."""
    kept = np.unique(np.linspace(0, len(xs) - 1, min(_POINTS, len(xs))).round().astype(int))
    return [(round(float(xs[row]), 5), round(float(ys[row]), 5)) for row in kept]
