"""Model card, and the fingerprint that names its embedding space."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypedDict

from indexer.model.descriptor import Descriptor

EMBEDDING_RECIPE: Final = "timm: forward_features, forward_head(pre_logits=True), L2"
"""How an embedding is pooled and normalised; changing the recipe changes every fingerprint."""
DESCRIPTOR_RECIPE: Final = "taps, generalised means, linear projection, L2"
"""The same for a model with a descriptor head."""


class Preprocessing(TypedDict):
    """How a picture becomes the network's input, in timm's words."""

    input_size: tuple[int, int, int]  # channels, height, width
    interpolation: str
    crop_pct: float  # side of the crop over the side that the picture is resized to
    crop_mode: str  # center, squash or border
    mean: tuple[float, ...]  # by channel, of values from 0 to 1
    std: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class SemanticCard:
    """What is known of a model's semantic embeddings, which are in a space of their own."""

    descriptor: str  # name and version of the head
    dimension: int
    fingerprint: str  # of their space, 64 hex digits


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What is known of a loaded model."""

    reference: str  # what loads it again: shipped, an absolute directory, or hf-hub:owner/name
    architecture: str  # timm's name
    labels: tuple[str, ...]  # in the order of the probabilities; empty without a classifier
    dimension: int  # length of an embedding
    input_size: tuple[int, int, int]
    interpolation: str
    crop_pct: float
    crop_mode: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    licence: str | None  # as the model's config states it
    weights_sha256: str  # of model.safetensors, 64 hex digits
    fingerprint: str  # of the embedding space, 64 hex digits
    descriptor: str | None = None  # name and version of the head; None embeds as timm pools
    semantic: SemanticCard | None = None  # None for a model without semantic embeddings
    classifier: str | None = None  # name and version; None is the network's own last layer
    multi_label: bool = False  # probabilities are sigmoids of each class alone, not one softmax


def space_fingerprint(
    *,
    weights_sha256: str,
    architecture: str,
    model_args: Mapping[str, Any],
    preprocessing: Preprocessing,
    descriptor: tuple[Descriptor, str] | None = None,
) -> str:
    """Name the embedding space that a model makes.

    It is the SHA-256 of one JSON object in canonical form (keys sorted, no spaces, ASCII) with all
    that an embedding depends on: the weights' SHA-256, timm's architecture name and the arguments
    it is built with, the preprocessing, and `EMBEDDING_RECIPE`. Labels, licence and location are
    left out: renaming a class or moving the folder moves no vector.

    Parameters
    ----------
    weights_sha256, architecture, model_args, preprocessing
        Of the network.
    descriptor : tuple of Descriptor and str, optional
        The head, and the SHA-256 of its weights in hex: the fingerprint covers what it computes
        and its version, not how it was trained.

    Returns
    -------
    str
        64 hex digits.
    """
    facts: dict[str, Any] = {
        "architecture": architecture,
        "embedding": EMBEDDING_RECIPE,
        "model_args": model_args,
        "preprocessing": preprocessing,
        "weights_sha256": weights_sha256,
    }
    if descriptor is not None:
        head, head_sha256 = descriptor
        facts["embedding"] = DESCRIPTOR_RECIPE
        facts["descriptor"] = {
            "dimension": head.dimension,
            "taps": [[tap.module, tap.power] for tap in head.taps],
            "version": head.version,
            "weights_sha256": head_sha256,
        }
    canonical = json.dumps(facts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()
