"""Losses of a classifier, weighted so that rare classes count."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

Targets = NDArray[np.bool_]  # (n, classes)
_LOG_TEMPERATURES: Final = (-2.0, 3.0)


@dataclass(frozen=True, slots=True)
class ValidationFigures:
    """What a network makes of n images that it does not learn from."""

    loss: float  # weighted as in training, at the temperature that suits the logits best
    error: float  # standard error of the loss
    accuracy: float  # share of the images whose every label is right


def class_weights(targets: Targets) -> NDArray[np.float64]:
    """Return the weight of each class in a softmax's loss, (classes,); 1 on average by image.

    It is the inverse square root of the class's share: halfway between none and equal classes.
    """
    weights = 1 / np.sqrt(np.maximum(targets.sum(axis=0), 1))
    return np.asarray(weights / (targets @ weights).mean(), np.float64)


def positive_weights(targets: Targets) -> NDArray[np.float64]:
    """Return the weight of a positive of each class in a multi-label loss, (classes,)."""
    positives = np.maximum(targets.sum(axis=0), 1)
    return np.asarray(np.sqrt(np.maximum(len(targets) - positives, 1) / positives), np.float64)


def weighted_loss(targets: Targets, *, multi_label: bool) -> torch.nn.Module:
    """Return the loss of logits and targets, each (n, classes), weighted as the classes need."""
    if multi_label:
        weights = torch.from_numpy(positive_weights(targets)).float()
        return torch.nn.BCEWithLogitsLoss(pos_weight=weights)
    return _SoftmaxLoss(torch.from_numpy(class_weights(targets)).float())


def measure(
    logits: NDArray[np.float32], targets: Targets, *, multi_label: bool
) -> ValidationFigures:
    """Measure logits (n, classes) on images of every class."""
    given, wanted = torch.from_numpy(logits), torch.from_numpy(targets.astype(np.float32))
    criterion = weighted_loss(targets, multi_label=multi_label)

    def losses(power: float) -> NDArray[np.float64]:
        scaled = given / math.exp(power)
        rows = (slice(row, row + 1) for row in range(len(targets)))
        return np.array([float(criterion(scaled[row], wanted[row])) for row in rows])

    best = minimize_scalar(
        lambda power: float(criterion(given / math.exp(power), wanted)),
        bounds=_LOG_TEMPERATURES,
        method="bounded",
    )
    if multi_label:
        right = ((logits >= 0) == targets).all(axis=1)
    else:
        right = targets[np.arange(len(targets)), logits.argmax(axis=1)]
    return ValidationFigures(
        loss=float(best.fun),
        error=float(losses(best.x).std() / math.sqrt(len(targets))),
        accuracy=float(right.mean()),
    )


def prior_shift(targets: Targets, *, multi_label: bool) -> NDArray[np.float64]:
    """Return what a weighted loss adds to the logits of each class, (classes,).

    Taken away, the probabilities are those of the shares of the training images.
    """
    weights = positive_weights(targets) if multi_label else class_weights(targets)
    return np.asarray(np.log(weights), np.float64)


class _SoftmaxLoss(torch.nn.Module):
    """Cross-entropy with a weight by class, the mean over images."""

    def __init__(self, weights: torch.Tensor) -> None:
        super().__init__()
        self.weights: torch.Tensor
        self.register_buffer("weights", weights)

    def forward(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return -(torch.log_softmax(logits, 1) * targets * self.weights).sum(1).mean()
