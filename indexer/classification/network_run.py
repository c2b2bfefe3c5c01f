"""Training of a network's last blocks, or of all of it, from labelled images to a model folder."""

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from time import perf_counter
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import save_file

from indexer.classification.data_split import Rows, folds, hold_out
from indexer.classification.labelled_images import check_classes, read_labelled
from indexer.classification.labelled_sources import find_labelled
from indexer.classification.model_card_file import CardFacts, write_model_card
from indexer.classification.model_folder import new_folder
from indexer.classification.probe_fit import fit_probe, fit_temperature, probabilities
from indexer.classification.trained_model import (
    CurvePoint,
    HeldOutFigures,
    OnStage,
    TrainedModel,
    describe,
)
from indexer.classification.training_set import TrainingSet, groups_of
from indexer.errors import InputError
from indexer.model import (
    ClassifierInput,
    ModelFolder,
    load_encoder,
    load_extractor,
    resolve,
)
from indexer.model.preprocessing import Preprocessor
from indexer.model.torch_loading import LoadedModel, load_model, noise
from indexer.model.training.class_losses import prior_shift
from indexer.model.training.network_fit import (
    EpochFigures,
    FitRecipe,
    LabelledPictures,
    NetworkFit,
    predict,
)
from indexer.settings import Settings
from indexer.types import Rgb

_VALIDATION_FOLDS: Final = 5
_ROOM: Final = 1.3  # shorter side of what is kept of a picture, over the network's input
_QUALITY: Final = 95  # of the JPEG that is kept in memory
_NETWORK: Final = frozenset({"config.json", "model.safetensors", "export.onnx", "export.json"})
_OF_HEADS: Final = {  # what does not hold once a head's embeddings are others
    "descriptor": frozenset({"background.safetensors", "fusion.json"}),
    "semantic": frozenset({"semantic.json", "semantic.safetensors"}),
}


@dataclass(frozen=True, slots=True)
class NetworkOptions:
    """How much is trained, and how."""

    depth: str  # head or full
    recipe: FitRecipe
    multi_label: bool = False


@dataclass(frozen=True, slots=True)
class _Pictures:
    """The labelled images, and their files in memory."""

    labelled: TrainingSet
    files: list[bytes]

    def take(self, rows: Rows) -> LabelledPictures:
        return LabelledPictures([self.files[row] for row in rows], self.labelled.targets[rows])


class _Progress:
    """Says how far a training is, with the newest figures."""

    def __init__(
        self, on_stage: OnStage, on_epoch: Callable[[EpochFigures], object], recipe: FitRecipe
    ) -> None:
        self._on_stage, self._on_epoch, self._recipe = on_stage, on_epoch, recipe
        self._accuracy = ""

    def tell_step(self, epoch: int, step: int, steps: int, loss: float) -> None:
        done, total = (epoch - 1) * steps + step, self._recipe.epochs * steps
        detail = f"epoch {epoch} of {self._recipe.epochs}, loss {loss:.3f}{self._accuracy}"
        self._on_stage("training", done, total, detail)

    def tell_epoch(self, figures: EpochFigures) -> None:
        self._accuracy = f", accuracy {figures.validation_accuracy:.3f}"
        self._on_epoch(figures)


def train_network(  # noqa: PLR0913 -- what, of what, where to, and how
    reference: str,
    place: Path,
    out: Path,
    settings: Settings,
    options: NetworkOptions,
    *,
    on_stage: OnStage,
    on_epoch: Callable[[EpochFigures], object] = lambda _figures: None,
) -> TrainedModel:
    """Fit a network to labelled images, measure it on those held out, and write the model.

    The classifier begins as a probe (Kumar et al. 2022). The state is kept in `OUT.training` until
    the folder is written: the same call goes on from there.

    Parameters
    ----------
    reference : str
        The model to begin with.
    place : Path
        A labelled folder or manifest.
    out : Path
        Folder to make.
    settings : Settings
    options : NetworkOptions
    on_stage : callable
        Told what is being done, how much of it is, and of how much.
    on_epoch : callable
        Told the figures of each epoch.

    Raises
    ------
    InputError
        The images cannot be learnt from, or the state is of another training.
    """
    begun = perf_counter()
    base = resolve(reference)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    pictures = _read(place, reference, settings, on_stage, multi_label=options.multi_label)
    labelled = pictures.labelled
    seed, multi_label = options.recipe.seed, options.multi_label
    fit, test = hold_out(labelled.targets, labelled.groups, labelled.classes, seed)
    train, validation = _validation(labelled, fit, seed)
    model = load_model(base, device)
    before = _embed_noise(model)
    _begin_with_probe(model.network, labelled, train, seed, multi_label=multi_label)
    state = out.absolute().with_name(f"{out.name}.training")
    state.mkdir(exist_ok=True)
    fitting = NetworkFit(
        model.network,
        model.card,
        pictures.take(train),
        pictures.take(validation),
        options.recipe,
        multi_label=multi_label,
        after=_taps(model) if options.depth == "head" else (),
        checkpoint=state / "checkpoint.pt",
    )
    progress = _Progress(on_stage, on_epoch, options.recipe)
    network = fitting.run(progress.tell_step, progress.tell_epoch)
    on_stage("measuring", 0, None, "")
    prepare = Preprocessor(model.card)
    temperature = _calibrate(network, prepare, pictures, train, validation, multi_label=multi_label)
    logits = predict(network, prepare, pictures.take(test).files).astype(np.float64)
    scores = probabilities(logits, multi_label=multi_label)
    held_out = HeldOutFigures.of(scores, labelled, test, multi_label=multi_label)
    after = _embed_noise(model)
    kept = {name for name, embedded in before.items() if torch.equal(embedded, after[name])}
    recipe: dict[str, object] = {
        **asdict(options.recipe),
        "best epoch": fitting.best_epoch,
        "temperature": round(temperature, 4),
        "embeddings": "the base's, to the bit" if "descriptor" in kept else "its own",
    }
    card = CardFacts(
        *(out.name, options.depth, model.card),
        same_space=False,
        recipe=recipe,
        data=describe(labelled, test),
    )
    without = _NETWORK.union(*(files for name, files in _OF_HEADS.items() if name not in kept))
    with new_folder(base, out, without=without) as folder:
        _write(folder, base, network, labelled.classes, multi_label=multi_label)
        write_model_card(card, held_out.evaluation, folder.path)
    shutil.rmtree(state)
    return TrainedModel.of(
        card,
        held_out,
        folder=out.absolute(),
        classifier=out.name,
        space=load_encoder(str(out.absolute()), "cpu", "torch").card.fingerprint,
        curve=[
            CurvePoint(each.epoch, each.loss, each.validation_loss, each.validation_accuracy)
            for each in fitting.history
        ],
        curve_unit="epochs",
        seconds=perf_counter() - begun,
    )


def _read(
    place: Path, reference: str, settings: Settings, on_stage: OnStage, *, multi_label: bool
) -> _Pictures:
    """Read the images, and keep of each a small file and what the network says of it."""
    extractor = load_extractor(
        reference, settings.device, settings.runtime, settings.resolved_model_cache
    )
    side = round(_ROOM * max(extractor.card.input_size[1:]))

    def make(rgb: Rgb) -> tuple[bytes, NDArray[np.float32]]:
        extracted = extractor.extract(extractor.prepare(rgb)[np.newaxis])
        return _shrink(rgb, side), extracted.features.reshape(-1)

    images, made = read_labelled(
        find_labelled(place, settings, multi_label=multi_label),
        settings,
        make,
        multi_label=multi_label,
        at_least=(max(side, extractor.decode_size[0]), max(side, extractor.decode_size[1])),
        on_image=lambda done: on_stage("reading", done, None, ""),
    )
    check_classes(images)
    labelled = TrainingSet(
        inputs=np.stack([features for _, features in made]),
        input=ClassifierInput.FEATURES,
        targets=images.targets,
        classes=images.classes,
        groups=groups_of(images, settings),
        sha256=images.sha256,
        uris=tuple(each.uri for each in images.sources),
        skipped=images.skipped,
        duplicates=images.duplicates,
    )
    return _Pictures(labelled, [data for data, _ in made])


def _shrink(rgb: Rgb, side: int) -> bytes:
    picture = Image.fromarray(rgb)
    scale = side / min(picture.size)
    if scale < 1:
        width, height = (max(1, round(scale * length)) for length in picture.size)
        picture = picture.resize((width, height), Image.Resampling.BICUBIC, reducing_gap=3)
    buffer = BytesIO()
    picture.save(buffer, "JPEG", quality=_QUALITY, subsampling=0)
    return buffer.getvalue()


def _validation(labelled: TrainingSet, fit: Rows, seed: int) -> tuple[Rows, Rows]:
    """Divide the training images once more: some choose the epoch and calibrate."""
    targets = labelled.targets[fit]
    for train, held in folds(targets, labelled.groups[fit], seed, _VALIDATION_FOLDS):
        if targets[train].any(axis=0).all() and targets[held].any(axis=0).all():
            return fit[train], fit[held]
    raise InputError(
        "Too few images to train a network: besides those held out to test with, each class needs "
        "images of two more groups, to learn from and to choose the epoch by. Add images, or train "
        "a probe."
    )


def _begin_with_probe(
    network: Any, labelled: TrainingSet, train: Rows, seed: int, *, multi_label: bool
) -> None:
    """Give the network a classifier of the right size that is a probe already."""
    network.reset_classifier(len(labelled.classes))
    layer = network.get_classifier()
    probe = fit_probe(
        labelled.inputs[train],
        labelled.targets[train],
        labelled.groups[train],
        multi_label=multi_label,
        seed=seed,
    )
    device = next(network.parameters()).device
    network.to(device)
    if isinstance(layer, torch.nn.Linear) and layer.weight.shape == probe.weight.shape:
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(probe.weight))
            layer.bias.copy_(torch.from_numpy(probe.bias))


def _calibrate(
    network: Any,
    prepare: Preprocessor,
    pictures: _Pictures,
    train: Rows,
    validation: Rows,
    *,
    multi_label: bool,
) -> float:
    """Take the weights of the loss and a temperature into the classifier; return the latter."""
    layer = network.get_classifier()
    if not isinstance(layer, torch.nn.Linear):
        return 1.0
    targets = pictures.labelled.targets
    shift = prior_shift(targets[train], multi_label=multi_label)
    logits = predict(network, prepare, pictures.take(validation).files) - shift
    temperature = fit_temperature(logits, targets[validation], multi_label=multi_label)
    with torch.no_grad():
        layer.bias.sub_(torch.from_numpy(shift).to(layer.bias))
        layer.weight.div_(temperature)
        layer.bias.div_(temperature)
    return temperature


def _taps(model: LoadedModel) -> tuple[str, ...]:
    """Name the modules that the heads read."""
    heads = [head for head in (model.head, model.semantic) if head is not None]
    return tuple(tap.module for head in heads for tap in head.descriptor.taps)


def _embed_noise(model: LoadedModel) -> dict[str, torch.Tensor]:
    """Return what each head makes of noise."""
    device = next(model.network.parameters()).device
    heads = {"descriptor": model.head, "semantic": model.semantic}
    with torch.inference_mode():
        model.network.eval().forward_head(
            model.network.forward_features(noise(model.card.input_size, device))
        )
        return {name: head.embed().cpu() for name, head in heads.items() if head is not None}


def _write(
    folder: ModelFolder,
    base: ModelFolder,
    network: Any,
    classes: tuple[str, ...],
    *,
    multi_label: bool,
) -> None:
    """Write the network in timm's format, with its base's config and the new classes."""
    tensors = {name: value.cpu().contiguous() for name, value in network.state_dict().items()}
    save_file(tensors, folder.weights)
    config = json.loads(base.config.read_text(encoding="utf-8"))
    pretrained = config.setdefault("pretrained_cfg", {})
    for each in (config, pretrained):
        each.pop("label_names", None)
        each.pop("label_descriptions", None)
        each["num_classes"] = len(classes)
    if "num_classes" in config.get("model_args", {}):
        config["model_args"]["num_classes"] = len(classes)
    config["label_names"] = list(classes)
    config.pop("multi_label", None)
    if multi_label:
        config["multi_label"] = True
    folder.config.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
