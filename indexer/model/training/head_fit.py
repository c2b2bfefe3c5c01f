"""Fit of a head to the features of many augmented views."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from indexer.errors import InputError
from indexer.model.descriptor import Descriptor
from indexer.model.descriptor_head import DescriptorHead
from indexer.model.training.losses import contrastive, crowding

_LEAST_VARIANCE: Final = 1e-3  # of the largest; what varies less is noise to a whitening
_LEAST_DEVIATION: Final = 1e-3  # of a feature; some are always zero
_WARM_UP: Final = 0.1  # of all steps


@dataclass(frozen=True, slots=True)
class Recipe:
    """What head is trained, how long and how strictly."""

    dimension: int = 512
    components: int = 1024  # principal components of the features that the head sees
    views: int = 12  # of each picture, computed once
    rotations: int = 2  # of the views, by 20 degrees or more: early layers know few
    epochs: int = 40
    batch: int = 256  # pictures a step, two views of each
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    dropout: float = 0.1
    temperature: float = 0.03
    entropy: float = 0.5  # weight of the term that spreads the embeddings
    originals: float = 0.5  # share of the pairs of views of which one is the unedited picture
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Whitening:
    """Centres features and scales their principal components to equal variance."""

    mean: NDArray[np.float64]  # (inputs,)
    components: NDArray[np.float64]  # (inputs, k)

    @classmethod
    def of(cls, features: NDArray[np.float32], most: int) -> "Whitening":
        """Measure features (n, inputs); at most `most` components are kept.

        Raises
        ------
        InputError
            All rows are the same.
        """
        deviations = features.std(axis=0) + _LEAST_DEVIATION
        mean = features.mean(axis=0, dtype=np.float64)
        scaled = (features - mean) / deviations
        variances, directions = np.linalg.eigh(scaled.T @ scaled / len(scaled))
        if variances.max() <= 0:
            raise InputError(
                "The taps return the same values for every image. Name other modules of the "
                "network with --tap."
            )
        best = np.argsort(-variances)[:most]
        scales = np.sqrt(np.maximum(variances[best], _LEAST_VARIANCE * variances.max()))
        return cls(mean, directions[:, best] / scales / deviations[:, np.newaxis])

    def __call__(self, features: NDArray[np.float16]) -> NDArray[np.float32]:
        """Whiten features (..., inputs) to (..., k)."""
        return ((features - self.mean) @ self.components).astype(np.float32)


def fit(
    descriptor: Descriptor,
    views: NDArray[np.float16],
    recipe: Recipe,
    on_epoch: Callable[[int, float], None],
) -> DescriptorHead:
    """Train a head: whiten, then learn a rotation and weighting of what is whitened.

    Parameters
    ----------
    descriptor : Descriptor
        What to train.
    views : ndarray of shape (pictures, views, inputs), float16
        Pooled features; view 0 is the picture as it is.
    recipe : Recipe
    on_epoch : callable
        Told the number of each epoch that is done, from 1, and its mean loss.
    """
    torch.manual_seed(recipe.seed)
    source = np.random.default_rng(recipe.seed)
    whitening = Whitening.of(
        views.reshape(-1, views.shape[2]).astype(np.float32), recipe.components
    )
    whitened = torch.from_numpy(np.stack([whitening(picture) for picture in views]))
    layer = torch.nn.Linear(whitened.shape[2], descriptor.dimension)
    torch.nn.init.eye_(layer.weight)
    torch.nn.init.zeros_(layer.bias)
    batch = min(recipe.batch, len(views))
    steps = recipe.epochs * (len(views) // batch)
    optimiser = torch.optim.AdamW(
        layer.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _rate(step, steps))
    pictures = torch.arange(batch).repeat(2)
    for epoch in range(1, recipe.epochs + 1):
        losses = []
        order = source.permutation(len(views))
        for start in range(0, len(order) - batch + 1, batch):
            rows = order[start : start + batch]
            pair = pair_views(whitened, rows, recipe.originals, source)
            pair = torch.nn.functional.dropout(pair, recipe.dropout)
            embeddings = torch.nn.functional.normalize(layer(pair))
            loss = contrastive(embeddings, pictures, recipe.temperature)
            loss = loss + recipe.entropy * crowding(embeddings, pictures)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
            losses.append(loss.item())
        on_epoch(epoch, sum(losses) / len(losses))
    return _joined(descriptor, whitening, layer)


def pair_views(
    views: torch.Tensor, rows: NDArray[np.int64], originals: float, source: np.random.Generator
) -> torch.Tensor:
    """Take two different views of each picture.

    Parameters
    ----------
    views : Tensor of shape (pictures, views, inputs)
    rows : ndarray of shape (n,), int64
        The pictures to take.
    originals : float
        Share of the pairs of which one view is the first, the unedited picture; chance may take it
        for others, too.
    source : Generator

    Returns
    -------
    Tensor of shape (2 n, inputs)
        One view of each, then the other.
    """
    count = views.shape[1]
    first = source.integers(count, size=len(rows))
    first[source.random(len(rows)) < originals] = 0
    second = (first + source.integers(1, count, size=len(rows))) % count
    return torch.cat([views[rows, first], views[rows, second]])


def _joined(descriptor: Descriptor, whitening: Whitening, layer: torch.nn.Linear) -> DescriptorHead:
    """Make one projection of the whitening and the layer behind it."""
    weight = layer.weight.detach().double().numpy() @ whitening.components.T
    bias = layer.bias.detach().double().numpy() - weight @ whitening.mean
    head = DescriptorHead(descriptor, weight.shape[1])
    with torch.no_grad():
        head.projection.weight.copy_(torch.from_numpy(weight))
        head.projection.bias.copy_(torch.from_numpy(bias))
    return head.eval()


def _rate(step: int, steps: int) -> float:
    """Rise, then fall along a cosine to zero."""
    done = (step + 1) / max(1, steps)
    if done < _WARM_UP:
        return done / _WARM_UP
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (done - _WARM_UP) / (1 - _WARM_UP))))
