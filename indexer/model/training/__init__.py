"""Training of a descriptor: a small head on a model's features that recognises copies.

The network stays as it is, and so do its class probabilities.
"""

import hashlib
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from safetensors.torch import save

from indexer.errors import InputError
from indexer.model.background import BACKGROUND, write_background
from indexer.model.classifier_file import ClassifierInput, read_classifier
from indexer.model.descriptor import Descriptor, Tap, write_descriptor
from indexer.model.fusion_file import FUSION
from indexer.model.references import (
    CLASSIFIER,
    CLASSIFIER_WEIGHTS,
    DESCRIPTOR,
    DESCRIPTOR_WEIGHTS,
    ModelFolder,
    resolve,
)
from indexer.model.torch_loading import LoadedModel, load_model
from indexer.model.training.features import compute_views, find_pictures
from indexer.model.training.head_fit import Recipe, fit
from indexer.settings import ImageLimits

__all__ = ["Recipe", "Trained", "train_descriptor"]

_POWER: Final = 3.0  # of the generalised mean
_BACKGROUND: Final = 5_000  # pictures kept to measure a query's bias by
_REPLACED: Final = {DESCRIPTOR, DESCRIPTOR_WEIGHTS, BACKGROUND, FUSION}  # fitted to the old head
_STAGES: Final = 2  # last stages of the network that are tapped unless taps are named


@dataclass(frozen=True, slots=True)
class Trained:
    """A model folder with a new descriptor."""

    folder: Path
    descriptor: Descriptor
    pictures: int
    first_loss: float  # mean of the first epoch
    last_loss: float


def train_descriptor(  # noqa: PLR0913 -- what, of what, where to, and how
    reference: str,
    photos: Path,
    out: Path,
    *,
    name: str,
    recipe: Recipe,
    limits: ImageLimits,
    taps: Sequence[str] = (),
    on_progress: Callable[[str, int, int], None] = lambda _what, _done, _all: None,
) -> Trained:
    """Train a descriptor for a model and write the model with it to a new folder.

    Parameters
    ----------
    reference : str
        The model, as `load_encoder` takes it; a descriptor that it has is replaced.
    photos : Path
        Folder of pictures, thousands of them, as different as can be. They must not be those that
        the result is measured on.
    out : Path
        Folder to make.
    name : str
        What to call the descriptor.
    recipe : Recipe
        What to train, how long and how strictly.
    limits : ImageLimits
        What a picture may cost.
    taps : sequence of str
        Submodules of the network to take features from; by default its last two stages.
    on_progress : callable
        Told what is being done (pictures or epochs), how much of it is, and of how much.

    Raises
    ------
    InputError
        `out` exists already, or `photos` holds too few pictures.
    NotFoundError, InvalidModel, UnavailableError
        As for `load_encoder`; also for a tap that the network does not have.
    """
    if out.exists():
        raise InputError(f"{out} exists already. Name a folder that does not.")
    source = resolve(reference)
    paths = find_pictures(photos)
    model = load_model(source, torch.device("cpu"))
    names = tuple(taps) or _last_stages(model)
    planned = Descriptor(
        name=name,
        version="",
        taps=tuple(Tap(module, _POWER) for module in names),
        dimension=recipe.dimension,
        training={},
    )
    views = compute_views(
        model,
        planned,
        paths,
        limits=limits,
        views=recipe.views,
        rotations=recipe.rotations,
        seed=recipe.seed,
        on_picture=lambda number: on_progress("pictures", number, len(paths)),
    )
    losses: list[float] = []

    def note(epoch: int, loss: float) -> None:
        losses.append(loss)
        on_progress("epochs", epoch, recipe.epochs)

    head = fit(planned, views, recipe, note).half()
    weights = save(head.state_dict())
    descriptor = replace(
        planned,
        version=hashlib.sha256(weights).hexdigest()[:8],
        training={"pictures": len(views), **asdict(recipe)},
    )
    _write(source, out, descriptor, weights)
    some = np.random.default_rng(recipe.seed).permutation(len(views))[:_BACKGROUND]
    originals = torch.from_numpy(views[some, 0].astype(np.float32))
    with torch.inference_mode():
        background = torch.nn.functional.normalize(head.float().projection(originals))
    write_background(background.numpy(), descriptor.version, out / BACKGROUND)
    return Trained(out, descriptor, len(views), losses[0], losses[-1])


def _last_stages(model: LoadedModel) -> tuple[str, ...]:
    """Name the modules that timm calls the last stages of a network."""
    stages: list[dict[str, Any]] = list(getattr(model.network, "feature_info", []))
    if not stages:
        raise InputError(
            f"timm lists no stages of {model.card.architecture}. Name the modules to take "
            "features from with --tap."
        )
    return tuple(str(stage["module"]) for stage in stages[-_STAGES:])


def _write(source: ModelFolder, out: Path, descriptor: Descriptor, weights: bytes) -> None:
    """Make a model folder: what the source has besides its descriptor, and the new one."""
    out.mkdir(parents=True)
    classifier = read_classifier(source)
    left_out = set(_REPLACED)
    if classifier is not None and classifier.input is ClassifierInput.EMBEDDING:
        left_out |= {CLASSIFIER, CLASSIFIER_WEIGHTS}
    for path in source.path.iterdir():
        if path.is_file() and path.name not in left_out:
            shutil.copyfile(path, out / path.name)
    (out / DESCRIPTOR_WEIGHTS).write_bytes(weights)
    write_descriptor(descriptor, out / DESCRIPTOR)
