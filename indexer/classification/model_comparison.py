"""Comparison of two classifiers on the same labelled images."""

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Final

import numpy as np
from numpy.typing import NDArray

from indexer.classification.class_metrics import Evaluation, Measured, evaluate_scores
from indexer.classification.labelled_scores import LabelledScores
from indexer.model import Encoder, resolve
from indexer.model.parity import sample_pictures

_RESAMPLES: Final = 1_000
_PASSES: Final = 5
_HALF: Final = 0.5


@dataclass(frozen=True, slots=True)
class ComparedModel:
    """One of the models, and its figures."""

    model: str
    classifier: str | None
    space: str
    evaluation: Evaluation
    milliseconds: float  # of one image, prepared and run by one caller; the median
    bytes: int  # of the model's files
    mu_ap: float | None  # on a copy-detection benchmark, if one was named


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two models, side by side."""

    models: list[ComparedModel]
    accuracy_difference: Measured  # the second less the first
    agreement: float  # share of images with the same answer
    images: int


def compare_models(
    encoders: Sequence[Encoder], scored: Sequence[LabelledScores], mu_ap: Sequence[float | None]
) -> Comparison:
    """Compare two models by what they said of the same images.

    Parameters
    ----------
    encoders, scored, mu_ap : sequences of 2
    """
    right = [_is_right(each, encoders[0].card.multi_label) for each in scored]
    answers = [np.column_stack([each.scores, each.elsewhere]) for each in scored]
    same = [each.argmax(axis=1) for each in answers]
    models = [
        ComparedModel(
            model=encoder.card.reference,
            classifier=encoder.card.classifier,
            space=encoder.card.fingerprint,
            evaluation=evaluate_scores(
                each.scores,
                each.targets,
                each.classes,
                each.groups,
                multi_label=encoder.card.multi_label,
                elsewhere=each.elsewhere,
            ),
            milliseconds=_time(encoder),
            bytes=_bytes(encoder.card.reference),
            mu_ap=value,
        )
        for encoder, each, value in zip(encoders, scored, mu_ap, strict=True)
    ]
    return Comparison(
        models=models,
        accuracy_difference=_difference(right, scored[0]),
        agreement=float((same[0] == same[1]).mean()),
        images=len(right[0]),
    )


def _is_right(labelled: LabelledScores, multi_label: bool) -> NDArray[np.bool_]:  # noqa: FBT001
    if multi_label:
        answered = labelled.scores >= _HALF
        return np.asarray((answered == labelled.targets).all(axis=1))
    best = labelled.scores.argmax(axis=1)
    rows = np.arange(len(best))
    right = labelled.targets[rows, best] & (labelled.scores[rows, best] >= labelled.elsewhere)
    return np.asarray(right)


def _difference(right: Sequence[NDArray[np.bool_]], labelled: LabelledScores) -> Measured:
    """Return how much more often the second is right, with the interval of resampled groups."""
    gained = right[1].astype(float) - right[0].astype(float)
    _, member = np.unique(labelled.groups, return_inverse=True)
    sums, sizes = np.bincount(member, gained), np.bincount(member)
    random = np.random.default_rng(0)
    drawn = random.integers(0, len(sums), (_RESAMPLES, len(sums)))
    means = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    low, high = np.quantile(means, (0.025, 0.975))
    return Measured(float(gained.mean()), float(low), float(high))


def _time(encoder: Encoder) -> float:
    picture = sample_pictures()[0]
    encoder.encode([picture])
    taken = []
    for _ in range(_PASSES):
        begun = perf_counter()
        encoder.encode([picture])
        taken.append(perf_counter() - begun)
    return float(np.median(taken)) * 1_000


def _bytes(reference: str) -> int:
    folder = resolve(reference)
    optional = (folder.classifier_weights,)
    files = (*folder.files, *(path for path in optional if path.is_file()))
    return sum(path.stat().st_size for path in files)
