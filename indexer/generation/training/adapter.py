"""Adapter protocol: the part of a pipeline that is trained."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import torch


class Adapter(Protocol):
    """Trained parameters that are already part of a pipeline."""

    @property
    def parameters(self) -> list[torch.nn.Parameter]:
        """What is trained, float32."""

    def states(self, rows: Sequence[int]) -> torch.Tensor:
        """Return the text encoder's states of some pictures' captions, (n, tokens, d)."""

    def save(self, folder: Path) -> None:
        """Write the parameters in diffusers' format."""
