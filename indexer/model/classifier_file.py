"""Classifier of a model: its folder's classifier.json and weights, for the network's last layer.

A folder without one classifies with the network's last layer. With one, a linear layer on the
frozen network's features, or on the embedding, gives the classes; network, embeddings and so the
embedding space stay what they were.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from indexer.errors import InvalidModel
from indexer.model.card import ModelCard
from indexer.model.references import CLASSIFIER, CLASSIFIER_WEIGHTS, ModelFolder

FORMAT: Final = 1
_WEIGHT: Final = "classifier.weight"  # timm's names in most architectures
_BIAS: Final = "classifier.bias"


class ClassifierInput(StrEnum):
    """What a classifier reads."""

    FEATURES = "features"  # what the network pools for its own last layer
    EMBEDDING = "embedding"  # unit rows, which the index stores


@dataclass(frozen=True, slots=True)
class LinearClassifier:
    """A linear layer and its classes."""

    name: str
    labels: tuple[str, ...]
    multi_label: bool  # each class is judged alone: sigmoids instead of one softmax
    input: ClassifierInput
    fits: str
    """64 hex digits: of an embedding the space's fingerprint, of features the SHA-256 of the
    network's weights."""
    weight: NDArray[np.float32]  # (classes, inputs)
    bias: NDArray[np.float32]  # (classes,)
    training: Mapping[str, Any]  # how it was made; informative only

    def check_fits(self, card: ModelCard) -> None:
        """Make sure that a model gives what this classifier was trained on.

        Raises
        ------
        InvalidModel
            It was trained on another network or embedding space.
        """
        if self.fits != required_fit(self.input, card):
            raise InvalidModel(
                f"The classifier {self.title} in {card.reference} was trained on another model's "
                f"{self.input.value}. Train it again with `lookalike model train`, or delete "
                f"{CLASSIFIER} and {CLASSIFIER_WEIGHTS} to use the network's own classes."
            )

    @property
    def version(self) -> str:
        """The first 8 hex digits of the SHA-256 of labels, kind and weights."""
        facts = json.dumps([self.labels, self.multi_label, self.input])
        return hashlib.sha256(facts.encode() + self._tensors()).hexdigest()[:8]

    @property
    def title(self) -> str:
        """Name and version."""
        return f"{self.name} {self.version}"

    def logits(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the logits (n, classes) of features or embeddings (n, inputs)."""
        found: NDArray[np.float32] = inputs @ self.weight.T + self.bias
        return found

    def _tensors(self) -> bytes:
        tensors = {_WEIGHT: self.weight, _BIAS: self.bias}
        return save({name: np.ascontiguousarray(each) for name, each in tensors.items()})


def required_fit(source: ClassifierInput, card: ModelCard) -> str:
    """Return the `fits` of a classifier that reads this from a model."""
    if source is ClassifierInput.EMBEDDING:
        return card.fingerprint
    return card.weights_sha256


def read_classifier(folder: ModelFolder) -> LinearClassifier | None:
    """Read the classifier of a folder; None where the network's own last layer is used.

    Raises
    ------
    InvalidModel
        A file is damaged, of a later format, or the two do not fit each other.
    """
    path = folder.classifier
    if path is None:
        return None
    try:
        stated = json.loads(path.read_text(encoding="utf-8"))
        tensors = load(folder.classifier_weights.read_bytes())
        classifier = LinearClassifier(
            name=str(stated["name"]),
            labels=tuple(map(str, stated["labels"])),
            multi_label=bool(stated["multi_label"]),
            input=ClassifierInput(stated["input"]),
            fits=str(stated["fits"]),
            weight=tensors[_WEIGHT].astype(np.float32),
            bias=tensors[_BIAS].astype(np.float32),
            training=dict(stated.get("training", {})),
        )
        _check(classifier, stated)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise InvalidModel(
            f"{path} and {CLASSIFIER_WEIGHTS} are not a valid classifier "
            f"({type(error).__name__}: {error}). Train it again with `lookalike model train`, or "
            "delete both files to use the network's own classes."
        ) from error
    return classifier


def write_classifier(classifier: LinearClassifier, folder: ModelFolder) -> None:
    """Write the two files as `read_classifier` takes them."""
    stated = {
        "format": FORMAT,
        "name": classifier.name,
        "version": classifier.version,
        "input": classifier.input,
        "fits": classifier.fits,
        "labels": list(classifier.labels),
        "multi_label": classifier.multi_label,
        "training": classifier.training,
    }
    folder.classifier_weights.write_bytes(classifier._tensors())  # noqa: SLF001 -- same module
    (folder.path / CLASSIFIER).write_text(json.dumps(stated, indent=2) + "\n", encoding="utf-8")


def _check(classifier: LinearClassifier, stated: Mapping[str, Any]) -> None:
    count = len(classifier.labels)
    if stated.get("format") != FORMAT:
        raise ValueError(f"format {stated.get('format')!r} instead of {FORMAT}")
    if not count or len(set(classifier.labels)) != count:
        raise ValueError("the labels are not different names")
    if classifier.weight.ndim != 2 or classifier.weight.shape[0] != count:  # noqa: PLR2004
        raise ValueError(f"{classifier.weight.shape} weights for {count} labels")
    if classifier.bias.shape != (count,):
        raise ValueError(f"{classifier.bias.shape} biases for {count} labels")
    if not (np.isfinite(classifier.weight).all() and np.isfinite(classifier.bias).all()):
        raise ValueError("a weight is not finite")
    if stated.get("version") != classifier.version:
        raise ValueError("the weights are not those of the stated version")
