"""Network whose classes come from a classifier of its folder."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from indexer.model.card import ModelCard
from indexer.model.classifier_file import ClassifierInput, LinearClassifier
from indexer.model.network_encoder import Network, NetworkEncoder, RawOutputs, unit_rows


def classified_encoder(
    card: ModelCard, network: Network, classifier: LinearClassifier | None
) -> NetworkEncoder:
    """Make the encoder of a model with a classifier; without one, of the network as it is.

    Parameters
    ----------
    card : ModelCard
        Of the network.
    network : Network
        One whose logits are the classifier's already where that reads features.
    classifier : LinearClassifier, optional
        One that fits the card.
    """
    if classifier is None:
        return NetworkEncoder(card, network)
    described = classified_card(card, classifier)
    if classifier.input is ClassifierInput.EMBEDDING:
        network = ClassifiedNetwork(network, classifier)
    return NetworkEncoder(described, network)


def classified_card(card: ModelCard, classifier: LinearClassifier) -> ModelCard:
    """Return a network's card with the classes of a classifier."""
    return replace(
        card,
        labels=classifier.labels,
        classifier=classifier.title,
        multi_label=classifier.multi_label,
    )


class ClassifiedNetwork:
    """Computes the logits from a network's embeddings."""

    def __init__(self, network: Network, classifier: LinearClassifier) -> None:
        self._network = network
        self._classifier = classifier

    @property
    def runtime(self) -> str:
        """What runs the network: torch or onnx."""
        return self._network.runtime

    @property
    def batch_size(self) -> int:
        """Pictures to give one pass: more bring nothing."""
        return self._network.batch_size

    def run(self, batch: NDArray[np.float32]) -> RawOutputs:
        """Run all layers, and classify by the embeddings."""
        raw = self._network.run(batch)
        with np.errstate(all="ignore"):  # the encoder refuses what is not finite
            return raw._replace(logits=self._classifier.logits(unit_rows(raw.embeddings)))

    def embed(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the raw embeddings alone."""
        return self._network.embed(batch)
