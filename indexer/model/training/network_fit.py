"""Fit of a network's last blocks, or of all of it, to labelled images."""

import hashlib
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from timm.data.transforms_factory import create_transform
from timm.optim import create_optimizer_v2  # type: ignore[attr-defined]
from timm.utils import ModelEmaV3  # type: ignore[attr-defined]

from indexer.errors import InputError
from indexer.model.card import ModelCard
from indexer.model.preprocessing import Preprocessor
from indexer.model.training.checkpoints import Checkpoint
from indexer.model.training.class_losses import ValidationFigures, measure, weighted_loss
from indexer.model.training.trained_layers import freeze_before, keep_statistics

_WARM_UP: Final = 0.1  # of all steps
_LEAST_RATE: Final = 0.01  # of the highest, at the end of the cosine
_MEAN_DECAY: Final = 0.99  # of the weights' exponential mean, once it has warmed up
_CLIP: Final = 1.0  # norm of the gradient
_MULTIPLE: Final = 32  # pixels, of the sides of a crop: the stride of most networks
_COLOUR: Final = 0.2  # change of brightness, contrast and saturation


@dataclass(frozen=True, slots=True)
class FitRecipe:
    """How a network is fitted."""

    blocks: int | None  # timm's layers at the end that are trained; None trains all
    epochs: int = 15
    batch: int = 16
    learning_rate: float = 2e-4
    layer_decay: float = 0.8  # of the rate, from each layer to the one before
    weight_decay: float = 0.02
    side: float = 0.72  # of the network's input, that crops are learnt at if it takes any size
    smallest_crop: float = 0.35  # share of the image's area
    mixup: float = 0.4  # alpha of the beta distribution that images are mixed by; 0 mixes none
    smoothing: float = 0.1  # of single labels: what the other classes are given
    fixed_statistics: bool = True  # of batch normalisation; a network from scratch learns them
    patience: int = 5  # epochs in a row that are worse on the validation images
    seed: int = 0


@dataclass(frozen=True, slots=True)
class LabelledPictures:
    """n pictures as files in memory, and what they show."""

    files: Sequence[bytes]
    targets: NDArray[np.bool_]  # (n, classes)

    @property
    def digest(self) -> str:
        """SHA-256 of all of it, 64 hex digits."""
        digest = hashlib.sha256(self.targets.tobytes())
        for data in self.files:
            digest.update(hashlib.sha256(data).digest())
        return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class EpochFigures:
    """What an epoch came to; losses are weighted by class."""

    epoch: int  # from 1
    loss: float  # mean of its steps
    validation_loss: float  # at the temperature that suits it best
    validation_accuracy: float
    rate: float  # the highest learning rate of any layer, at its end


OnStep = Callable[[int, int, int, float], object]
OnEpoch = Callable[[EpochFigures], object]


class NetworkFit:
    """Fits a timm network that has a classifier of the right size already.

    AdamW with a rate that falls from layer to layer towards the input, warm-up and cosine; an
    exponential mean of the weights is what is validated and kept. The loss is weighted by the
    inverse square root of a class's share. Batch normalisation keeps its statistics unless the
    recipe says otherwise: where a converter has folded it into the convolutions, those of a batch
    would undo the network. On a GPU the passes are in bfloat16. A fit that was ended goes on after
    its last whole epoch, and on one machine comes to the very same weights.

    Parameters
    ----------
    network : timm network
        Changed in place.
    card : ModelCard
        Its preprocessing.
    training, validation : LabelledPictures
    recipe : FitRecipe
    multi_label : bool
    after : sequence of str
        Modules whose outputs must not change: what is before them is not trained either.
    checkpoint : Path
        File that the state is kept in.

    Raises
    ------
    InputError
        Nothing is left to train.
    """

    def __init__(  # noqa: PLR0913 -- what, to what, and how
        self,
        network: Any,
        card: ModelCard,
        training: LabelledPictures,
        validation: LabelledPictures,
        recipe: FitRecipe,
        *,
        multi_label: bool,
        after: Sequence[str] = (),
        checkpoint: Path,
    ) -> None:
        freeze_before(network, recipe.blocks, after)
        network.to(memory_format=torch.channels_last)  # convolutions are up to twice as fast
        self._network, self._recipe = network, recipe
        self._training, self._validation = training, validation
        self._multi_label = multi_label
        self._device = next(network.parameters()).device
        self._optimiser: Any = create_optimizer_v2(
            network,
            opt="adamw",
            lr=recipe.learning_rate,
            weight_decay=recipe.weight_decay,
            layer_decay=recipe.layer_decay,
        )
        self._mean: Any = ModelEmaV3(network, decay=_MEAN_DECAY, use_warmup=True)
        self._loss = weighted_loss(training.targets, multi_label=multi_label).to(self._device)
        self._steps = -(-len(training.files) // recipe.batch)
        self._augment = _augmentation(network, card, recipe)
        self._prepare = Preprocessor(card)
        self._checkpoint = Checkpoint(
            checkpoint, {**asdict(recipe), "data": training.digest, "model": card.fingerprint}
        )
        self._done = 0  # epochs
        self._best: dict[str, torch.Tensor] = {}
        self._least_loss, self._bound = math.inf, math.inf
        self.best_epoch = 0
        self.history: list[EpochFigures] = []

    def run(
        self,
        on_step: OnStep = lambda _epoch, _step, _all, _loss: None,
        on_epoch: OnEpoch = lambda _figures: None,
    ) -> Any:
        """Fit, and return the network of the best epoch, in evaluation mode.

        It is the network as it was given, epoch 0, where all epochs are worse.

        Parameters
        ----------
        on_step : callable
            Told the epoch, the step within it, the steps of an epoch, and the loss.
        on_epoch : callable
            Told the figures of each epoch, those of an earlier run first.

        Raises
        ------
        InputError
            The checkpoint is of another training, or damaged; or the loss is not finite.
        UnreadableSource
            It cannot be written.
        """
        if not self._resume():
            self._note_best(0, self._network, self._validate(self._network))
        for figures in self.history:
            on_epoch(figures)
        while self._done < self._recipe.epochs and not self._is_stalled():
            epoch = self._done + 1
            loss = self._run_epoch(epoch, on_step)
            found = self._validate(self._mean.module)
            self._note_best(epoch, self._mean.module, found)
            rate = self._rate(epoch * self._steps - 1)
            figures = EpochFigures(epoch, loss, found.loss, found.accuracy, rate)
            self.history.append(figures)
            self._done = epoch
            self._keep()
            on_epoch(figures)
        self._network.load_state_dict(self._best)
        return self._network.to(memory_format=torch.contiguous_format).eval()

    def _note_best(self, epoch: int, network: Any, figures: ValidationFigures) -> None:
        """Keep the weights unless their loss is more than a standard error above the least.

        Of epochs that the validation images cannot tell apart, the last has learnt the most.
        """
        if not math.isfinite(figures.loss):
            raise InputError(
                f"The training diverged: after epoch {epoch} the loss is {figures.loss}. Choose a "
                "lower --learning-rate."
            )
        if figures.loss < self._least_loss:
            self._least_loss, self._bound = figures.loss, figures.loss + figures.error
        if figures.loss <= self._bound:
            self.best_epoch = epoch
            state = network.state_dict()
            self._best = {name: value.clone() for name, value in state.items()}

    def _validate(self, network: Any) -> ValidationFigures:
        logits = predict(network, self._prepare, self._validation.files)
        return measure(logits, self._validation.targets, multi_label=self._multi_label)

    def _is_stalled(self) -> bool:
        return self._done - self.best_epoch >= self._recipe.patience

    def _run_epoch(self, epoch: int, on_step: OnStep) -> float:
        """Take all steps of an epoch; return their mean loss."""
        recipe, training = self._recipe, self._training
        _seed(recipe.seed, epoch)
        order = np.random.default_rng((recipe.seed, epoch)).permutation(len(training.files))
        trained = [each for each in self._network.parameters() if each.requires_grad]
        self._network.train()
        keep_statistics(self._network, of_trained=recipe.fixed_statistics)
        losses = []
        for step in range(self._steps):
            rows = order[step * recipe.batch : (step + 1) * recipe.batch]
            batch, wanted = self._mix(
                torch.stack([self._augment(open_picture(training.files[i])) for i in rows]),
                torch.from_numpy(training.targets[rows].astype(np.float32)),
            )
            number = (epoch - 1) * self._steps + step
            self._set_rate(number)
            half = self._device.type == "cuda"
            with torch.autocast(self._device.type, torch.bfloat16, enabled=half):
                logits = self._network(batch.to(self._device))
            loss = self._loss(logits.float(), wanted.to(self._device))
            self._optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(trained, _CLIP)
            self._optimiser.step()
            self._mean.update(self._network, step=number)
            losses.append(float(loss.detach()))
            on_step(epoch, step + 1, self._steps, losses[-1])
        return float(np.mean(losses))

    def _mix(self, batch: torch.Tensor, wanted: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Mix each image with another (Zhang et al. 2018), and smooth single labels."""
        recipe = self._recipe
        if not self._multi_label:
            wanted = wanted * (1 - recipe.smoothing) + recipe.smoothing / wanted.shape[1]
        if not recipe.mixup:
            return batch, wanted
        share = float(np.random.beta(recipe.mixup, recipe.mixup))  # noqa: NPY002 -- seeded by epoch
        other = torch.randperm(len(batch))
        return batch.lerp(batch[other], share), wanted.lerp(wanted[other], share)

    def _rate(self, step: int) -> float:
        """Return the learning rate of the last layer at a step."""
        steps = self._steps * self._recipe.epochs
        warm = max(1, round(_WARM_UP * steps))
        if step < warm:
            share = (step + 1) / warm
        else:
            way = (step - warm) / max(1, steps - warm)
            share = _LEAST_RATE + (1 - _LEAST_RATE) * (1 + np.cos(np.pi * way)) / 2
        return float(self._recipe.learning_rate * share)

    def _set_rate(self, step: int) -> None:
        for group in self._optimiser.param_groups:
            group["lr"] = self._rate(step) * group.get("lr_scale", 1.0)

    def _resume(self) -> bool:
        """Take up an earlier run; return whether there was one."""
        state = self._checkpoint.read(self._device)
        if state is None:
            return False
        self._network.load_state_dict(state["network"])
        self._mean.module.load_state_dict(state["mean"])
        self._optimiser.load_state_dict(state["optimiser"])
        self._done, self.best_epoch = state["epoch"], state["best_epoch"]
        self._best, self._least_loss = state["best"], state["least_loss"]
        self._bound = state["bound"]
        self.history = [EpochFigures(**each) for each in state["history"]]
        return True

    def _keep(self) -> None:
        self._checkpoint.write(
            {
                "epoch": self._done,
                "network": self._network.state_dict(),
                "mean": self._mean.module.state_dict(),
                "optimiser": self._optimiser.state_dict(),
                "best": self._best,
                "least_loss": self._least_loss,
                "bound": self._bound,
                "best_epoch": self.best_epoch,
                "history": [asdict(each) for each in self.history],
            }
        )


def predict(
    network: Any, prepare: Preprocessor, files: Sequence[bytes], batch: int = 32
) -> NDArray[np.float32]:
    """Return the logits (n, classes) of pictures, prepared as they are served."""
    network.eval()
    device = next(network.parameters()).device
    found = []
    for start in range(0, len(files), batch):
        rows = [prepare(np.asarray(open_picture(data))) for data in files[start : start + batch]]
        with torch.inference_mode():
            found.append(network(torch.from_numpy(np.stack(rows)).to(device)).float().cpu().numpy())
    return np.concatenate(found)


def open_picture(data: bytes) -> Image.Image:
    """Decode a picture of a `LabelledPictures`."""
    with Image.open(BytesIO(data)) as image:
        return image.convert("RGB")


def _augmentation(
    network: Any, card: ModelCard, recipe: FitRecipe
) -> Callable[[Image.Image], torch.Tensor]:
    """Return what makes a random crop of a picture.

    A crop shows things larger than the whole picture does, so crops of fewer pixels are nearer to
    what is asked later (Touvron et al. 2019), and cost less.
    """
    channels, *sides = card.input_size
    height, width = (
        max(_MULTIPLE, round(recipe.side * side / _MULTIPLE) * _MULTIPLE) for side in sides
    )
    if not _takes(network, (channels, height, width)):
        height, width = sides
    made: Callable[[Image.Image], torch.Tensor] = create_transform(
        input_size=(channels, height, width),
        is_training=True,
        scale=(recipe.smallest_crop, 1.0),
        hflip=0.5,
        color_jitter=_COLOUR,
        interpolation=card.interpolation,
        mean=card.mean,
        std=card.std,
    )
    return made


def _takes(network: Any, size: tuple[int, int, int]) -> bool:
    """Whether a network runs on images of a size; many transformers have one size only."""
    device = next(network.parameters()).device
    try:
        with torch.inference_mode():
            network.eval()(torch.zeros(1, *size, device=device))
    except (AssertionError, RuntimeError, ValueError):
        return False
    return True


def _seed(seed: int, epoch: int) -> None:
    """Seed what augmentation and dropout draw from, so that an epoch can be repeated."""
    number = seed * 100_003 + epoch
    random.seed(number)
    np.random.seed(number % 2**32)  # noqa: NPY002 -- what timm draws from
    torch.manual_seed(number)
