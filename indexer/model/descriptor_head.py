"""Descriptor head on torch: feature maps of a network to embeddings."""

import hashlib
import textwrap
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError
from safetensors.torch import load

from indexer.errors import InvalidModel
from indexer.model.descriptor import Descriptor, read_descriptor

_FLOOR: Final = 1e-4
"""Least value that enters a generalised mean: powers need positive numbers, and the slope of the
root at zero would be infinite."""
_LONGEST_REASON: Final = 300  # characters; torch lists every tensor that does not fit


class Taps:
    """Keeps what some of a network's submodules put out, for the thread that runs it."""

    def __init__(self, network: Any, names: Sequence[str]) -> None:
        self._names = tuple(names)  # one module may be pooled twice, with different powers
        self._outputs = threading.local()  # several threads run one network
        for name in dict.fromkeys(self._names):
            network.get_submodule(name).register_forward_hook(self._keeper(name))

    def take(self) -> list[torch.Tensor]:
        """Return the outputs of this thread's last pass, in the order of the names."""
        kept = self._outputs.__dict__
        outputs = [kept[name] for name in self._names]
        kept.clear()  # they would hold memory until the next pass
        return outputs

    def _keeper(self, name: str) -> Callable[[Any, Any, torch.Tensor], None]:
        def keep(_module: Any, _inputs: Any, output: torch.Tensor) -> None:
            setattr(self._outputs, name, output)

        return keep


class DescriptorHead(torch.nn.Module):
    """Pools each tap with its generalised mean, joins them and projects."""

    def __init__(self, descriptor: Descriptor, inputs: int) -> None:
        super().__init__()
        self.descriptor = descriptor
        self.projection = torch.nn.Linear(inputs, descriptor.dimension)

    def forward(self, outputs: Sequence[torch.Tensor]) -> torch.Tensor:
        """Return the embeddings (n, d), not yet of unit length, of the taps' outputs."""
        embeddings: torch.Tensor = self.projection(pool(outputs, self.descriptor))
        return embeddings


def pool(outputs: Sequence[torch.Tensor], descriptor: Descriptor) -> torch.Tensor:
    """Pool each tap's output with its generalised mean and join them: (n, channels of all)."""
    return torch.cat(
        [
            generalised_mean(output.float(), tap.power)
            for output, tap in zip(outputs, descriptor.taps, strict=True)
        ],
        dim=1,
    )


def generalised_mean(output: torch.Tensor, power: float) -> torch.Tensor:
    """Pool (n, channels, h, w), or the tokens (n, t, channels) of a transformer.

    Returns
    -------
    Tensor of shape (n, channels)
        Of what is (n, channels) already, itself.
    """
    if output.ndim == 2:  # noqa: PLR2004 -- (n, channels)
        return output
    places = (2, 3) if output.ndim == 4 else (1,)  # noqa: PLR2004 -- (n, channels, h, w)
    if power == 1:
        return output.mean(places)
    return output.clamp(min=_FLOOR).pow(power).mean(places).pow(1 / power)


@dataclass(frozen=True, slots=True)
class AttachedHead:
    """A head and what it reads: the outputs of a network's last pass in this thread."""

    module: DescriptorHead
    taps: Taps
    weights_sha256: str  # of descriptor.safetensors, 64 hex digits

    @property
    def descriptor(self) -> Descriptor:
        """What the head is."""
        return self.module.descriptor

    def embed(self) -> torch.Tensor:
        """Return the embeddings (n, d), not yet of unit length, of the pass just made."""
        embeddings: torch.Tensor = self.module(self.taps.take())
        return embeddings


def attach_taps(network: Any, descriptor: Descriptor, stated_in: Path) -> Taps:
    """Begin to keep the outputs that a head reads.

    Raises
    ------
    InvalidModel
        The network has no submodule of a tap's name.
    """
    known = {name for name, _ in network.named_modules()}
    for tap in descriptor.taps:
        if tap.module not in known:
            parts = ", ".join(name for name, _ in network.named_children())
            raise InvalidModel(
                f"{stated_in} takes features from {tap.module!r}, which the network does not have. "
                f"It consists of {parts}, and of what is in them."
            )
    return Taps(network, [tap.module for tap in descriptor.taps])


def attach_head(
    stated_in: Path | None, path: Path, network: Any, device: torch.device
) -> AttachedHead | None:
    """Load a head of a folder and attach it to the network.

    Parameters
    ----------
    stated_in : Path or None
        Its descriptor.json or semantic.json; None where the folder has none, which gives None.
    path : Path
        Its weights.
    network : timm's module
    device : torch.device

    Raises
    ------
    InvalidModel
        A file is damaged, or the head, its weights and the network do not fit each other.
    """
    if stated_in is None:
        return None
    descriptor = read_descriptor(stated_in)
    try:
        data = path.read_bytes()
        tensors = {name: tensor.float() for name, tensor in load(data).items()}
        module = DescriptorHead(descriptor, tensors["projection.weight"].shape[1])
        module.load_state_dict(tensors)
    except (OSError, SafetensorError, KeyError, IndexError, RuntimeError) as error:
        raise InvalidModel(
            f"{path} does not hold the weights of the head in {stated_in.name} "
            f"({textwrap.shorten(str(error), _LONGEST_REASON)}). Fetch both files again."
        ) from error
    return AttachedHead(
        module.eval().to(device),
        attach_taps(network, descriptor, stated_in),
        hashlib.sha256(data).hexdigest(),
    )
