"""torch network, from timm."""

import textwrap
from dataclasses import replace
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from indexer.errors import SettingsError
from indexer.model.classified_model import load_classified
from indexer.model.feature_extractor import FeatureExtractor
from indexer.model.network_encoder import NetworkEncoder, RawOutputs
from indexer.model.references import ModelFolder
from indexer.model.torch_loading import LoadedModel, load_model

_GPU_BATCH: Final = 32


class TorchNetwork:
    """A timm classifier in evaluation mode, on one device."""

    runtime = "torch"

    def __init__(self, model: LoadedModel, device: torch.device) -> None:
        self._model = model
        self._device = device

    @property
    def batch_size(self) -> int:
        """One on a CPU, where a larger batch is no faster and takes far more memory."""
        return 1 if self._device.type == "cpu" else _GPU_BATCH

    def run(self, batch: NDArray[np.float32]) -> RawOutputs:
        """Run all layers; safe to call from several threads."""
        with torch.inference_mode():
            outputs = self._model.one_pass(torch.from_numpy(batch).to(self._device))
            return RawOutputs(*(output.cpu().numpy() for output in outputs))

    def embed(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the raw embeddings alone, by a full pass: torch has no cheap way to end it."""
        return self.run(batch).embeddings


def load_encoder(folder: ModelFolder, device: str) -> NetworkEncoder:
    """Load a model with torch; parameters and errors are those of `indexer.model.load_encoder`."""
    target = pick_device(device)
    model = load_classified(folder, target)
    return NetworkEncoder(model.card, TorchNetwork(model, target))


def load_extractor(folder: ModelFolder, device: str) -> FeatureExtractor:
    """Load a model without its classifier; parameters and errors are those of `load_encoder`."""
    target = pick_device(device)
    model = replace(load_model(folder, target), classifier=torch.nn.Identity())
    return FeatureExtractor(model.card, TorchNetwork(model, target))


def finds_gpu() -> bool:
    """Tell whether `auto` means a GPU here."""
    return pick_device("auto").type != "cpu"


def pick_device(name: str) -> torch.device:
    """Return a torch device by name; `auto` is a GPU if there is one, else the CPU.

    Raises
    ------
    SettingsError
        The device cannot be used here.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).item()  # parsing a name does not touch the device
    except (AssertionError, NotImplementedError, RuntimeError) as error:
        reason = textwrap.shorten(str(error), 200)  # torch lists all its backends
        raise SettingsError(
            f"The device {name!r} cannot be used here ({reason}). Set LOOKALIKE_DEVICE to cpu, or "
            "to auto to take a GPU when there is one."
        ) from error
    return device
