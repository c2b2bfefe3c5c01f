"""The encoder that runs a timm model with torch."""

import textwrap
from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from indexer.errors import InputError, SettingsError, UnreadableImage, UnusableOutput
from indexer.model.card import ModelCard
from indexer.model.encoder import Prepared
from indexer.model.references import resolve
from indexer.model.torch_loading import LoadedModel, load_model, one_pass
from indexer.types import Encoding, Rgb

_GPU_BATCH: Final = 32
_LONGEST_ASPECT: Final = 16
"""Length kept of a picture that is centre-cropped, in units of what the crop needs."""


class TorchEncoder:
    """Runs a timm classifier; one forward pass gives probabilities and embedding."""

    def __init__(self, model: LoadedModel, device: torch.device) -> None:
        self._module = model.module
        self._transform = model.transform
        self._card = model.card
        self._device = device

    @property
    def card(self) -> ModelCard:
        """What is known of the model."""
        return self._card

    @property
    def batch_size(self) -> int:
        """One on a CPU, where a larger batch is no faster and takes far more memory."""
        return 1 if self._device.type == "cpu" else _GPU_BATCH

    def prepare(self, rgb: Rgb) -> Prepared:
        """Resize, crop and normalise one picture, exactly as timm does.

        Parameters
        ----------
        rgb : ndarray of shape (height, width, 3), uint8

        Returns
        -------
        ndarray of shape (3, h, w), float32
            `h` and `w` are the card's input size.

        Raises
        ------
        UnreadableImage
            The picture is so thin that no pixel is left of its short side.
        """
        picture = Image.fromarray(rgb)
        if self._card.crop_mode not in {"squash", "border"}:  # timm's own test for centre
            picture = _without_long_ends(picture, self._card.input_size)
        try:
            prepared: Prepared = self._transform(picture).numpy()
        except ValueError as error:
            raise UnreadableImage(
                f"A picture of {picture.width} by {picture.height} pixels cannot be resized for "
                f"the model ({error}). Leave it out, or cut it to a squarer shape."
            ) from error
        return prepared

    def forward(self, prepared: Sequence[Prepared] | NDArray[np.float32]) -> Encoding:
        """Run the network once; safe to call from several threads.

        Parameters
        ----------
        prepared : list of n arrays, or one of shape (n, 3, h, w), float32
            What `prepare` returned.

        Returns
        -------
        Encoding
            Probabilities (n, classes), the softmax of the logits, or their sigmoid where there is
            one class; embeddings (n, d), unit rows. Both float32.

        Raises
        ------
        UnusableOutput
            A probability or embedding is not finite, or an embedding has length zero.
        InputError
            The arrays do not have the model's input size.
        """
        classes = len(self._card.labels)
        if len(prepared) == 0:
            return Encoding(
                np.empty((0, classes), np.float32), np.empty((0, self._card.dimension), np.float32)
            )
        batch = np.stack(list(prepared))
        if batch.shape[1:] != self._card.input_size:
            raise InputError(
                f"The model takes arrays of shape {self._card.input_size}, got "
                f"{batch.shape[1:]}. Pass what this encoder's prepare() returned."
            )
        with torch.inference_mode():
            logits, pooled = one_pass(self._module, torch.from_numpy(batch).to(self._device))
            probabilities = _probabilities(logits, classes).cpu().numpy()
            # In float64, which MPS lacks, so that no finite row over- or underflows.
            vectors = pooled.cpu().double()
            norms = torch.linalg.vector_norm(vectors, dim=1, keepdim=True)
            embeddings = (vectors / norms).float().numpy()  # 0 / 0 is NaN, caught below
        usable = np.isfinite(embeddings).all(axis=1) & np.isfinite(probabilities).all(axis=1)
        if not usable.all():
            rows = tuple(np.flatnonzero(~usable).tolist())
            raise UnusableOutput(rows=rows, model=self._card.reference)
        return Encoding(probabilities, embeddings)

    def encode(self, images: Sequence[Rgb]) -> Encoding:
        """Prepare the pictures and run the network once over them; errors are those of both."""
        return self.forward([self.prepare(rgb) for rgb in images])


def load_encoder(reference: str, device: str) -> TorchEncoder:
    """Load a model; parameters and errors are those of `indexer.model.load_encoder`."""
    target = _pick_device(device)
    return TorchEncoder(load_model(resolve(reference), target), target)


def _pick_device(name: str) -> torch.device:
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


def _probabilities(logits: torch.Tensor, classes: int) -> torch.Tensor:
    """Return (n, classes) float32; (n, 0) for a model without a classifier."""
    if classes == 0:
        return logits[:, :0]
    return torch.sigmoid(logits) if classes == 1 else torch.softmax(logits, dim=1)


def _without_long_ends(picture: Image.Image, input_size: tuple[int, int, int]) -> Image.Image:
    """Cut a very long picture to its middle before a centre crop.

    timm resizes the short side first and crops after: a legal picture of 1 by 60,000 pixels would
    become 384 by 23 million. The crop keeps the middle only, so cutting far outside of it changes
    the result by no more than the rounding of the resized length.
    """
    _, height, width = input_size
    longest = min(picture.size) * _LONGEST_ASPECT * max(height, width) // min(height, width)
    if max(picture.size) <= longest:
        return picture
    new_width, new_height = min(picture.width, longest), min(picture.height, longest)
    left, top = (picture.width - new_width) // 2, (picture.height - new_height) // 2
    return picture.crop((left, top, left + new_width, top + new_height))
