"""Trained layers of a network: which parameters move, and that the others stay still."""

from collections.abc import Sequence
from typing import Any, Final

import torch
from timm.models import group_parameters

from indexer.errors import InputError

_NORMALISATIONS: Final = (
    torch.nn.BatchNorm1d,
    torch.nn.BatchNorm2d,
    torch.nn.BatchNorm3d,
    torch.nn.SyncBatchNorm,
)


def freeze_before(network: Any, blocks: int | None, after: Sequence[str] = ()) -> None:
    """Let only the last layers of a network be trained.

    Parameters
    ----------
    network : timm network
    blocks : int or None
        How many of timm's layers, counted from the classifier backwards, are trained; None for
        all.
    after : sequence of str
        Modules whose outputs must not change: they, and what the network has before them, are not
        trained.

    Raises
    ------
    InputError
        Nothing is left to train.
    """
    names = [name for name, _ in network.named_parameters()]
    layers = list(group_parameters(network, network.group_matcher(coarse=False)).values())
    trained = set(names)
    if blocks is not None:
        trained = {name for layer in layers[-blocks:] for name in layer}
    for module in after:
        inside = [place for place, name in enumerate(names) if name.startswith(f"{module}.")]
        before = max(inside, default=-1) + 1
        trained -= set(names[:before])
    if not trained:
        raise InputError(
            "No layer is left to train after the descriptor's taps. Train a probe, or all layers "
            "with --depth full."
        )
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(name in trained)


def keep_statistics(network: Any, *, of_trained: bool) -> None:
    """Keep the running statistics of normalisations as they are, in training mode as well.

    Parameters
    ----------
    network : timm network
    of_trained : bool
        Those of modules that are trained, too; their weights and biases move all the same.
    """
    for module in network.modules():
        moves = any(each.requires_grad for each in module.parameters(recurse=False))
        if isinstance(module, _NORMALISATIONS) and (of_trained or not moves):
            module.eval()
