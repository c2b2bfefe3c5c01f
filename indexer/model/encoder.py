"""Encoder protocol, independent of the runtime."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from indexer.model.card import ModelCard
from indexer.types import Embeddings, Encoding, Rgb

Prepared = NDArray[np.float32]
"""One picture as the network takes it, (3, h, w) float32, normalised."""


class Encoder(Protocol):
    """Turns pictures into class probabilities and embeddings in a single forward pass."""

    @property
    def card(self) -> ModelCard:
        """What is known of the model."""

    @property
    def runtime(self) -> str:
        """What runs the network: torch or onnx."""

    @property
    def batch_size(self) -> int:
        """Pictures to give one forward pass: more bring nothing on this device."""

    @property
    def decode_size(self) -> tuple[int, int]:
        """Width and height from which more pixels of a picture change nothing that matters."""

    def prepare(self, rgb: Rgb) -> Prepared:
        """Resize, crop and normalise one picture; safe to call from several threads.

        Raises
        ------
        UnreadableImage
            The picture is too thin to be resized as the model wants it.
        """

    def forward(self, prepared: Sequence[Prepared] | NDArray[np.float32]) -> Encoding:
        """Run the network once over n prepared pictures, given as a list or as (n, 3, h, w).

        Rows of the result are in the order given; nothing in, nothing out.

        Raises
        ------
        UnusableOutput
            A probability or embedding is not finite, or an embedding has length zero.
        """

    def embed(self, prepared: Sequence[Prepared] | NDArray[np.float32]) -> Embeddings:
        """Return the embeddings that `forward` gives, (n, d) float32 unit rows, at less cost.

        A network with a descriptor need not run to its end for them.

        Raises
        ------
        UnusableOutput
            An embedding is not finite, or has length zero.
        """

    def encode(self, images: Sequence[Rgb]) -> Encoding:
        """Prepare the pictures and run the network once over them."""
