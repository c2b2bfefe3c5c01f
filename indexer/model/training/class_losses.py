"""Losses of a classifier, weighted so that rare classes count."""

import numpy as np
import torch
from numpy.typing import NDArray

Targets = NDArray[np.bool_]  # (n, classes)


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
) -> tuple[float, float]:
    """Return the weighted loss of logits, and the share of images that are answered rightly."""
    given = torch.from_numpy(logits), torch.from_numpy(targets.astype(np.float32))
    loss = float(weighted_loss(targets, multi_label=multi_label)(*given))
    if multi_label:
        return loss, float(((logits >= 0) == targets).all(axis=1).mean())
    return loss, float(targets[np.arange(len(targets)), logits.argmax(axis=1)].mean())


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
