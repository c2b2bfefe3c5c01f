"""Encoder around a network of any runtime."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from indexer.errors import InputError, UnusableOutput
from indexer.model.card import ModelCard
from indexer.model.encoder import Prepared
from indexer.model.preprocessing import Preprocessor
from indexer.runtime.timing import stage, timed
from indexer.types import Embeddings, Encoding, Probabilities, Rgb, SemanticEmbeddings


class RawOutputs(NamedTuple):
    """What a network gives for n pictures in one pass, all float32."""

    logits: NDArray[np.float32]  # (n, classes)
    embeddings: NDArray[np.float32]  # (n, d), not yet of unit length
    semantics: NDArray[np.float32] | None = None  # (n, s), likewise; None of a model without any


class Network(Protocol):
    """A model's layers, on one runtime."""

    @property
    def runtime(self) -> str:
        """What runs it: torch or onnx."""

    @property
    def batch_size(self) -> int:
        """Pictures to give one pass: more bring nothing."""

    def run(self, batch: NDArray[np.float32]) -> RawOutputs:
        """Run all layers.

        The batch is of shape (n, 3, h, w). Safe to call from several threads.
        """

    def embed(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the embeddings of `run` alone; cheaper where they do not need all layers."""


class NetworkEncoder:
    """Runs a network; one forward pass gives probabilities and embedding."""

    def __init__(self, card: ModelCard, network: Network) -> None:
        self._card = card
        self._network = network
        self._preprocessor = Preprocessor(card)

    @property
    def card(self) -> ModelCard:
        """What is known of the model."""
        return self._card

    @property
    def runtime(self) -> str:
        """What runs the network: torch or onnx."""
        return self._network.runtime

    @property
    def batch_size(self) -> int:
        """Pictures to give one forward pass: more bring nothing on this device."""
        return self._network.batch_size

    @property
    def decode_size(self) -> tuple[int, int]:
        """Width and height from which more pixels of a picture change nothing that matters."""
        return self._preprocessor.decode_size

    @timed("prepare")
    def prepare(self, rgb: Rgb) -> Prepared:
        """Resize, crop and normalise one picture, exactly as timm does; see `Preprocessor`."""
        return self._preprocessor(rgb)

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
            one class or the model is multi-label; embeddings (n, d), unit rows; semantic embeddings
            (n, s), unit rows, of a model that has any. All float32.

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
                np.empty((0, classes), np.float32),
                np.empty((0, self._card.dimension), np.float32),
                self._semantics(np.empty((0, 1), np.float32)),
            )
        batch = self._batch(prepared)
        with stage("forward", size=len(batch)):
            raw = self._network.run(batch)
        with np.errstate(all="ignore"):  # what overflows or is 0 / 0 is refused below
            probabilities = to_probabilities(
                raw.logits, classes, multi_label=self._card.multi_label
            )
            embeddings = unit_rows(raw.embeddings)
            semantics = self._semantics(raw.semantics)
        self._check(embeddings, probabilities, *([semantics.vectors] if semantics else []))
        return Encoding(probabilities, embeddings, semantics)

    def embed(self, prepared: Sequence[Prepared] | NDArray[np.float32]) -> Embeddings:
        """Run the network as far as the embeddings need it; safe to call from several threads.

        Parameters
        ----------
        prepared : list of n arrays, or one of shape (n, 3, h, w), float32
            What `prepare` returned.

        Returns
        -------
        ndarray of shape (n, d), float32, unit rows
            The same as `forward` gives, to the bit.

        Raises
        ------
        UnusableOutput
            An embedding is not finite, or has length zero.
        InputError
            The arrays do not have the model's input size.
        """
        if len(prepared) == 0:
            return np.empty((0, self._card.dimension), np.float32)
        batch = self._batch(prepared)
        with stage("embed", size=len(batch)):
            raw = self._network.embed(batch)
        with np.errstate(all="ignore"):
            embeddings = unit_rows(raw)
        self._check(embeddings)
        return embeddings

    def encode(self, images: Sequence[Rgb]) -> Encoding:
        """Prepare the pictures and run the network once over them; errors are those of both."""
        return self.forward([self.prepare(rgb) for rgb in images])

    def _semantics(self, raw: NDArray[np.float32] | None) -> SemanticEmbeddings | None:
        """Name the space of semantic embeddings, and bring them to unit length."""
        card = self._card.semantic
        if card is None or raw is None:
            return None
        rows = raw if len(raw) else np.empty((0, card.dimension), np.float32)
        return SemanticEmbeddings(card.fingerprint, unit_rows(rows))

    def _batch(self, prepared: Sequence[Prepared] | NDArray[np.float32]) -> NDArray[np.float32]:
        """Return (n, 3, h, w) of at least one prepared picture."""
        batch = np.stack(list(prepared))
        if batch.shape[1:] != self._card.input_size:
            raise InputError(
                f"The model takes arrays of shape {self._card.input_size}, got "
                f"{batch.shape[1:]}. Pass what this encoder's prepare() returned."
            )
        return batch

    def _check(self, *outputs: NDArray[np.float32]) -> None:
        """Refuse the rows, of (n, ...) each, that are not finite."""
        usable = np.isfinite(np.concatenate(outputs, axis=1)).all(axis=1)
        if not usable.all():
            rows = tuple(np.flatnonzero(~usable).tolist())
            raise UnusableOutput(rows=rows, model=self._card.reference)


def to_probabilities(
    logits: NDArray[np.float32], classes: int, *, multi_label: bool = False
) -> Probabilities:
    """Return (n, classes) float32; (n, 0) for a model without a classifier."""
    values = logits[:, :classes].astype(np.float64)
    if classes == 1 or multi_label:
        return (1 / (1 + np.exp(-values))).astype(np.float32)
    values = np.exp(values - values.max(axis=1, keepdims=True, initial=-np.inf))
    shares: Probabilities = (values / values.sum(axis=1, keepdims=True)).astype(np.float32)
    return shares


def unit_rows(raw: NDArray[np.float32]) -> Embeddings:
    """Divide each row by its length, in float64, so that no finite row over- or underflows."""
    vectors = raw.astype(np.float64)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors.astype(np.float32)
