"""Loading of a folder in timm's format, checked to work in one pass."""

import hashlib
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import timm
import torch
from PIL import Image
from safetensors import SafetensorError, safe_open
from timm.data.config import resolve_data_config
from timm.data.transforms_factory import create_transform

from indexer.errors import InvalidModel
from indexer.model.card import ModelCard, Preprocessing, SemanticCard, space_fingerprint
from indexer.model.config import read_config, read_labels
from indexer.model.descriptor_head import AttachedHead, attach_head
from indexer.model.references import CONFIG, ModelFolder

_LONGEST_REASON: Final = 300  # characters; torch lists every tensor that does not fit
_PROBE_IMAGES: Final = 2
_PROBE_TOLERANCE: Final = 1e-4  # float32 sums in another order differ by about 1e-6


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model in evaluation mode on its device, with all that is needed to use it."""

    network: Any  # timm's methods are in no type that torch knows
    card: ModelCard
    head: AttachedHead | None  # None embeds as timm pools
    semantic: AttachedHead | None  # None for a model without semantic embeddings
    classifier: torch.nn.Module | None = None  # in place of the network's own last layer
    classifies_embeddings: bool = False  # whether that reads unit embeddings, not pooled features

    def one_pass(self, batch: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return the logits (n, classes) and the raw embeddings (n, d) of a batch of pixels.

        A third output is the raw semantic embeddings (n, s), of a model that has any.
        """
        logits, pooled = _split_pass(self.network, batch)
        embeddings = pooled if self.head is None else self.head.embed()
        if self.classifier is not None:
            unit = torch.nn.functional.normalize(embeddings.float(), dim=1)
            logits = self.classifier(unit if self.classifies_embeddings else pooled)
        if self.semantic is None:
            return logits, embeddings
        return logits, embeddings, self.semantic.embed()


def load_model(folder: ModelFolder, device: torch.device) -> LoadedModel:
    """Build the model of a folder and check it.

    Raises
    ------
    InvalidModel
        A file is damaged, the two files do not fit each other, or the architecture does not give
        classes and an embedding in one pass.
    """
    config = read_config(folder.config)
    network = _build(folder).to(device)
    preprocessing = _preprocessing(network, folder)
    dimension = _probe(network, preprocessing["input_size"], device, folder)
    size = preprocessing["input_size"]
    head = attach_head(folder.descriptor, folder.descriptor_weights, network, device)
    if head is not None:
        dimension = _probe_head(head, network, size, folder.descriptor_weights)
    semantic = attach_head(folder.semantic, folder.semantic_weights, network, device)
    if semantic is not None:
        _probe_head(semantic, network, size, folder.semantic_weights)
    with folder.weights.open("rb") as file:
        weights_sha256 = hashlib.file_digest(file, "sha256").hexdigest()

    def fingerprint(of: AttachedHead | None) -> str:
        return space_fingerprint(
            weights_sha256=weights_sha256,
            architecture=config.architecture,
            model_args=config.model_args,
            preprocessing=preprocessing,
            descriptor=None if of is None else (of.descriptor, of.weights_sha256),
        )

    card = ModelCard(
        reference=folder.reference,
        architecture=config.architecture,
        labels=read_labels(
            network.pretrained_cfg.get("label_names"), network.num_classes, folder.config
        ),
        dimension=dimension,
        **preprocessing,
        licence=network.pretrained_cfg.get("license"),
        weights_sha256=weights_sha256,
        fingerprint=fingerprint(head),
        descriptor=None if head is None else str(head.descriptor),
        semantic=None
        if semantic is None
        else SemanticCard(
            descriptor=str(semantic.descriptor),
            dimension=semantic.descriptor.dimension,
            fingerprint=fingerprint(semantic),
        ),
        multi_label=config.multi_label,
    )
    return LoadedModel(network, card, head, semantic)


def _split_pass(network: Any, batch: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the logits (n, classes) and what the classifier made them from, (n, d)."""
    features = network.forward_features(batch)
    pooled = network.forward_head(features, pre_logits=True)
    logits = network.get_classifier()(pooled) if network.num_classes else pooled
    return logits.float(), pooled.float()


def _build(folder: ModelFolder) -> Any:
    """Let timm build the model, and make sure that every tensor of it comes from the file."""
    try:
        with safe_open(folder.weights, framework="pt") as file:
            stored = set(file.keys())
    except (OSError, SafetensorError) as error:
        raise InvalidModel(
            f"{folder.weights} is not a readable safetensors file: {error}. Fetch it again."
        ) from error
    try:
        # timm takes model.safetensors before any other file of the folder; resolve() made sure
        # that it is there.
        module: Any = timm.create_model(f"local-dir:{folder.path}", pretrained=True).eval()
    except Exception as error:  # a config can name any architecture with any arguments
        raise InvalidModel(
            f"timm {timm.__version__} cannot build the model of {folder.config} with the tensors "
            f"of {folder.weights.name} ({textwrap.shorten(str(error), _LONGEST_REASON)}). The two "
            "files must come from the same model, and timm must be new enough to know it."
        ) from error
    # Where the counts differ, timm leaves the classifier random and says nothing.
    stated = module.pretrained_cfg.get("num_classes")
    built = getattr(module, "num_classes", stated)  # without the attribute it fails the probe
    if stated != built:
        raise InvalidModel(
            f"{folder.config} states {stated} classes and builds a model with {built}. Make "
            '"num_classes" agree with the one in "model_args".'
        )
    # Some architectures load loosely. Names may differ in weights of another origin, which timm
    # translates; where all names are known, each must be there.
    wanted = {name for name in module.state_dict() if not name.endswith("num_batches_tracked")}
    if stored <= module.state_dict().keys() and wanted - stored:
        raise InvalidModel(
            f"{folder.weights} lacks tensors that the model needs: "
            f"{', '.join(sorted(wanted - stored)[:5])}. Fetch it again."
        )
    return module


def _preprocessing(module: Any, folder: ModelFolder) -> Preprocessing:
    """Return the values of timm's preprocessing for inference, after timm has tried them."""
    try:
        resolved = resolve_data_config(  # type: ignore[no-untyped-call]
            {}, pretrained_cfg=module.pretrained_cfg
        )
        channels, height, width = (int(size) for size in resolved["input_size"])
        preprocessing = Preprocessing(
            input_size=(channels, height, width),
            interpolation=str(resolved["interpolation"]),
            crop_pct=float(resolved["crop_pct"]),
            crop_mode=str(resolved["crop_mode"]),
            mean=tuple(float(value) for value in resolved["mean"]),
            std=tuple(float(value) for value in resolved["std"]),
        )
        create_transform(**preprocessing, is_training=False)(Image.new("RGB", (width, height)))
    except Exception as error:  # whatever the values of the config make timm and torchvision raise
        raise InvalidModel(
            f"The preprocessing in {folder.config} cannot be used: {error!r}. Compare its "
            '"pretrained_cfg" with the model\'s original.'
        ) from error
    if channels != 3:  # noqa: PLR2004 -- red, green, blue
        raise InvalidModel(f"{folder.config} has {channels} input channels. Use an RGB model.")
    return preprocessing


def _probe(
    module: Any, input_size: tuple[int, int, int], device: torch.device, folder: ModelFolder
) -> int:
    """Check on noise that one pass gives the logits of a plain call; return the embedding's length.

    Some architectures, such as distilled ones with two heads, do not split this way.
    """
    try:
        with torch.inference_mode():
            batch = noise(input_size, device)
            expected = module(batch)
            logits, pooled = _split_pass(module, batch)
            finite = bool(torch.isfinite(logits).all() and torch.isfinite(pooled).all())
            same = pooled.ndim == 2 and torch.allclose(  # noqa: PLR2004 -- (n, d)
                logits, expected, rtol=_PROBE_TOLERANCE, atol=_PROBE_TOLERANCE
            )
    except Exception as error:  # an architecture without these methods, or with other results
        raise _does_not_split(folder, textwrap.shorten(repr(error), _LONGEST_REASON)) from error
    if not finite:
        raise InvalidModel(
            f"The model of {folder.weights} does not give finite numbers. Its weights are damaged: "
            "fetch them again."
        )
    if not same:
        raise _does_not_split(folder, "its features and classifier do not give its own logits")
    return int(pooled.shape[1])


def _probe_head(
    head: AttachedHead, network: Any, input_size: tuple[int, int, int], weights: Path
) -> int:
    """Check on noise that the head reads what the network gives; return the embedding's length."""
    device = next(network.parameters()).device
    try:
        with torch.inference_mode():
            _split_pass(network, noise(input_size, device))
            embeddings = head.embed()
    except Exception as error:  # a tap may be any part of any network
        raise InvalidModel(
            f"The head of {weights} cannot read the network of {weights.with_name(CONFIG)} "
            f"({textwrap.shorten(repr(error), _LONGEST_REASON)}). Fetch the model again."
        ) from error
    if not torch.isfinite(embeddings).all():
        raise InvalidModel(
            f"The head of {weights} does not give finite numbers. Its weights are damaged: fetch "
            "them again."
        )
    return int(embeddings.shape[1])


def noise(input_size: tuple[int, int, int], device: torch.device) -> torch.Tensor:
    """Return two pictures of noise, the same at every call, as the network takes them."""
    random = np.random.default_rng(0)
    return torch.from_numpy(random.standard_normal((_PROBE_IMAGES, *input_size), np.float32)).to(
        device
    )


def _does_not_split(folder: ModelFolder, reason: str) -> InvalidModel:
    return InvalidModel(
        f"The architecture in {folder.config} does not give classes and an embedding in one pass "
        f"({reason}). Use one with forward_features, forward_head and a single classifier."
    )
