"""Mistakes of a classifier: the held-out images that it is most wrong about."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from indexer.classification.training_set import TrainingSet

_MOST: Final = 24
_HALF: Final = 0.5


@dataclass(frozen=True, slots=True)
class Mistake:
    """An image whose labels were answered wrongly."""

    uri: str
    sha256: str
    labels: tuple[str, ...]
    answered: tuple[str, ...]
    confidence: float  # probability of the worst wrong answer
    probability: float  # of the right label that was given the least


def held_out_mistakes(
    scores: NDArray[np.float64],
    labelled: TrainingSet,
    rows: NDArray[np.int64],
    *,
    multi_label: bool,
) -> list[Mistake]:
    """Return the worst mistakes among the images that a training held out.

    Parameters
    ----------
    scores : ndarray of shape (n, classes), float64
        Probabilities of the held-out images.
    labelled : TrainingSet
        All images.
    rows : ndarray of shape (n,), int64
        Which of them were held out.
    multi_label : bool
    """
    return worst_mistakes(
        scores,
        labelled.targets[rows],
        labelled.classes,
        [labelled.uris[row] for row in rows],
        [labelled.sha256[row] for row in rows],
        multi_label=multi_label,
    )


def worst_mistakes(
    scores: NDArray[np.float64],
    targets: NDArray[np.bool_],
    classes: Sequence[str],
    uris: Sequence[str],
    digests: Sequence[bytes],
    *,
    multi_label: bool,
) -> list[Mistake]:
    """Return the wrongly answered images, the most confident mistakes first; 24 at most.

    Parameters
    ----------
    scores : ndarray of shape (n, classes), float64
        Probabilities.
    targets : ndarray of shape (n, classes), bool
    classes : sequence of str
    uris, digests : sequences of n
    multi_label : bool
    """
    if multi_label:
        answered = scores >= _HALF
    else:
        answered = scores.argmax(axis=1)[:, np.newaxis] == np.arange(len(classes))
    wrong = answered != targets
    doubt = np.where(targets, 1 - scores, scores)  # of each class, how wrong its probability is
    worst = np.where(wrong, doubt, -1.0).max(axis=1)
    rows = [row for row in np.argsort(-worst, kind="stable")[:_MOST] if wrong[row].any()]

    def names(row: NDArray[np.bool_]) -> tuple[str, ...]:
        return tuple(name for name, is_so in zip(classes, row, strict=True) if is_so)

    return [
        Mistake(
            uri=uris[row],
            sha256=digests[row].hex(),
            labels=names(targets[row]),
            answered=names(answered[row]),
            confidence=float(worst[row]),
            probability=float(scores[row][targets[row]].min(initial=1.0)),
        )
        for row in rows
    ]
