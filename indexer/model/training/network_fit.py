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
from indexer.model.training.class_losses import measure, weighted_loss
from indexer.model.training.trained_layers import freeze_before, keep_frozen_still

_WARM_UP: Final = 0.1  # of all steps
_LEAST_RATE: Final = 0.01  # of the highest, at the end of the cosine
_MEAN_DECAY: Final = 0.99  # of the weights' exponential mean, once it has warmed up
_CLIP: Final = 1.0  # norm of the gradient
_COLOUR: Final = 0.2  # change of brightness, contrast and saturation


@dataclass(frozen=True, slots=True)
class FitRecipe:
    """How a network is fitted."""

    blocks: int | None  # timm's layers at the end that are trained; None trains all
    epochs: int = 15
    batch: int = 32
    learning_rate: float = 5e-4
    layer_decay: float = 0.8  # of the rate, from each layer to the one before
    weight_decay: float = 0.02
    smallest_crop: float = 0.5  # share of the image's area
    patience: int = 5  # epochs without improvement on the validation images
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
    validation_loss: float
    validation_accuracy: float
    rate: float  # the highest learning rate of any layer, at its end


OnStep = Callable[[int, int, int, float], object]
OnEpoch = Callable[[EpochFigures], object]


class NetworkFit:
    """Fits a timm network that has a classifier of the right size already.

    AdamW with a rate that falls from layer to layer towards the input, warm-up and cosine; an
    exponential mean of the weights is what is validated and kept. The loss is weighted by the
    inverse square root of a class's share. On a GPU the passes are in bfloat16. A fit that was
    ended goes on after its last whole epoch, and on one machine comes to the very same weights.

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
        self._augment = _augmentation(card, recipe)
        self._prepare = Preprocessor(card)
        self._checkpoint = Checkpoint(
            checkpoint, {**asdict(recipe), "data": training.digest, "model": card.fingerprint}
        )
        self._done = 0  # epochs
        self._best: dict[str, torch.Tensor] = {}
        self._best_loss = math.inf
        self.best_epoch = 0
        self.history: list[EpochFigures] = []

    def run(
        self,
        on_step: OnStep = lambda _epoch, _step, _all, _loss: None,
        on_epoch: OnEpoch = lambda _figures: None,
    ) -> Any:
        """Fit, and return the network of the best epoch, in evaluation mode.

        It is the network as it was given, epoch 0, where no epoch is better.

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
            self._note_best(0, self._network, self._validate(self._network)[0])
        for figures in self.history:
            on_epoch(figures)
        while self._done < self._recipe.epochs and not self._is_stalled():
            figures = self._run_epoch(self._done + 1, on_step)
            self.history.append(figures)
            self._note_best(figures.epoch, self._mean.module, figures.validation_loss)
            self._done = figures.epoch
            self._keep()
            on_epoch(figures)
        self._network.load_state_dict(self._best)
        return self._network.eval()

    def _note_best(self, epoch: int, network: Any, loss: float) -> None:
        if not math.isfinite(loss):
            raise InputError(
                f"The training diverged: after epoch {epoch} the loss is {loss}. Choose a lower "
                "--learning-rate."
            )
        if loss < self._best_loss:
            self._best_loss, self.best_epoch = loss, epoch
            state = network.state_dict()
            self._best = {name: value.clone() for name, value in state.items()}

    def _validate(self, network: Any) -> tuple[float, float]:
        logits = predict(network, self._prepare, self._validation.files)
        return measure(logits, self._validation.targets, multi_label=self._multi_label)

    def _is_stalled(self) -> bool:
        return self._done - self.best_epoch >= self._recipe.patience

    def _run_epoch(self, epoch: int, on_step: OnStep) -> EpochFigures:
        recipe, training = self._recipe, self._training
        _seed(recipe.seed, epoch)
        order = np.random.default_rng((recipe.seed, epoch)).permutation(len(training.files))
        trained = [each for each in self._network.parameters() if each.requires_grad]
        self._network.train()
        keep_frozen_still(self._network)
        losses = []
        for step in range(self._steps):
            rows = order[step * recipe.batch : (step + 1) * recipe.batch]
            batch = torch.stack([self._augment(open_picture(training.files[i])) for i in rows])
            wanted = torch.from_numpy(training.targets[rows].astype(np.float32))
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
        held_out, accuracy = self._validate(self._mean.module)
        rate = self._rate((epoch * self._steps) - 1)
        return EpochFigures(epoch, float(np.mean(losses)), held_out, accuracy, rate)

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
        self._best, self._best_loss = state["best"], state["best_loss"]
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
                "best_loss": self._best_loss,
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


def _augmentation(card: ModelCard, recipe: FitRecipe) -> Callable[[Image.Image], torch.Tensor]:
    made: Callable[[Image.Image], torch.Tensor] = create_transform(
        input_size=card.input_size,
        is_training=True,
        scale=(recipe.smallest_crop, 1.0),
        hflip=0.5,
        color_jitter=_COLOUR,
        interpolation=card.interpolation,
        mean=card.mean,
        std=card.std,
    )
    return made


def _seed(seed: int, epoch: int) -> None:
    """Seed what augmentation and dropout draw from, so that an epoch can be repeated."""
    number = seed * 100_003 + epoch
    random.seed(number)
    np.random.seed(number % 2**32)  # noqa: NPY002 -- what timm draws from
    torch.manual_seed(number)
