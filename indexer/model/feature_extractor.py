"""Feature extractor: what a model's last layer reads, and the embedding, in one pass."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.errors import UnusableOutput
from indexer.model.card import ModelCard
from indexer.model.encoder import Prepared
from indexer.model.network_encoder import Network, unit_rows
from indexer.model.preprocessing import Preprocessor
from indexer.types import Embeddings, Rgb


@dataclass(frozen=True, slots=True)
class Extracted:
    """What a network gives for n pictures."""

    features: NDArray[np.float32]  # (n, inputs), as pooled for the network's own classifier
    embeddings: Embeddings  # (n, d), unit rows


class FeatureExtractor:
    """Runs a network without its classifier; safe to use from several threads."""

    def __init__(self, card: ModelCard, network: Network) -> None:
        self.card = card
        self._network = network
        self._preprocessor = Preprocessor(card)

    @property
    def decode_size(self) -> tuple[int, int]:
        """Width and height from which more pixels of a picture change nothing that matters."""
        return self._preprocessor.decode_size

    def prepare(self, rgb: Rgb) -> Prepared:
        """Resize, crop and normalise one picture."""
        return self._preprocessor(rgb)

    def extract(self, prepared: NDArray[np.float32]) -> Extracted:
        """Run the network over (n, 3, h, w) float32.

        Raises
        ------
        UnusableOutput
            A feature is not finite.
        """
        raw = self._network.run(prepared)
        features = raw.logits
        with np.errstate(all="ignore"):  # what is 0 / 0 is refused below
            embeddings = unit_rows(raw.embeddings)
        usable = np.isfinite(np.concatenate([features, embeddings], axis=1)).all(axis=1)
        if not usable.all():
            rows = tuple(np.flatnonzero(~usable).tolist())
            raise UnusableOutput(rows=rows, model=self.card.reference)
        return Extracted(features, embeddings)
