"""Fit of an adapter: steps, measurements by fixed noise, and checkpoints."""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from indexer.errors import InputError
from indexer.generation.training.adapter import Adapter
from indexer.generation.training.diffusion_loss import BANDS, DiffusionLoss
from indexer.generation.training.recipe import AdapterRecipe
from indexer.model.training.checkpoints import Checkpoint

_WARM_UP: Final = 10  # steps until the rate is full
_CLIP: Final = 1.0  # norm of the gradient
_MEASURED: Final = 16  # pictures at most
_TIMES_A_BAND: Final = 2
_FIXED_NOISE: Final = 20_261_130  # seed of measurements, the same for all trainings


@dataclass(frozen=True, slots=True)
class Measurement:
    """Losses at a step; mean squared errors, unweighted, by band of timesteps."""

    step: int  # 0 is before training
    fixed: tuple[float, ...]  # of the mean weights, on the same noise and timesteps each time
    training: tuple[float | None, ...]  # of the steps since the last; None where a band had none

    @property
    def loss(self) -> float:
        """Mean of the fixed losses."""
        return sum(self.fixed) / len(self.fixed)


OnStep = Callable[[int, float], object]
"""Told the number of steps done and the last one's loss."""
OnMeasurement = Callable[[Measurement], object]


class AdapterFit:
    """Trains an adapter of a pipeline on cached latents.

    AdamW at a constant rate after a short warm-up; an exponential mean of the parameters is what
    is measured, shown and kept. Pictures, timesteps and noise of a step follow from the seed and
    its number, so a fit that was ended goes on from its checkpoint to the very same losses.

    Parameters
    ----------
    unet : diffusers UNet
    adapter : Adapter
    latents : Tensor of shape (n, c, h, w), float32
        Scaled as the UNet expects.
    loss : DiffusionLoss
    recipe : AdapterRecipe
    checkpoint : Checkpoint
    """

    def __init__(
        self,
        unet: Any,
        adapter: Adapter,
        latents: torch.Tensor,
        loss: DiffusionLoss,
        recipe: AdapterRecipe,
        checkpoint: Checkpoint,
    ) -> None:
        from diffusers.training_utils import EMAModel

        self._unet, self._adapter, self._latents = unet, adapter, latents
        self._loss, self._recipe, self._checkpoint = loss, recipe, checkpoint
        self._optimiser = torch.optim.AdamW(
            adapter.parameters, recipe.learning_rate, weight_decay=recipe.weight_decay
        )
        self._mean: Any = EMAModel(adapter.parameters, decay=recipe.mean_decay)
        self._batches = _Batches(len(latents), recipe.batch, recipe.seed)
        self._done = 0
        self.losses: list[float] = []
        """Weighted loss of each step."""
        self.history: list[Measurement] = []

    def run(
        self,
        on_measurement: OnMeasurement,
        on_step: OnStep = lambda _done, _loss: None,
    ) -> None:
        """Train to the end; the pipeline then holds the mean parameters.

        Parameters
        ----------
        on_measurement : callable
            Called before training, every `recipe.every` steps and at the end, while the pipeline
            holds the mean parameters. Measurements of an earlier run are not repeated.
        on_step : callable

        Raises
        ------
        InputError
            The checkpoint is of another training, or damaged; or the loss is not finite.
        UnreadableSource
            The checkpoint cannot be written.
        """
        if not self._resume():
            self._measure([], on_measurement)
        recent: list[tuple[int, float]] = []
        while self._done < self._recipe.steps:
            recent += self._step()
            on_step(self._done, self.losses[-1])
            if self._done % self._recipe.every == 0 or self._done == self._recipe.steps:
                self._measure(recent, on_measurement)
                recent.clear()
        self._mean.copy_to(self._adapter.parameters)

    def _step(self) -> list[tuple[int, float]]:
        """Take a step; return the band and error of each of its pictures."""
        recipe, device = self._recipe, self._latents.device
        rows = self._batches.rows(self._done)
        random = torch.Generator().manual_seed(recipe.seed * 1_000_003 + self._done)
        latents = self._latents[rows]
        noise = torch.randn(latents.shape, generator=random).to(device)
        times = torch.randint(0, self._loss.timesteps, (len(rows),), generator=random)
        errors = self._errors(rows, latents, noise, times)
        loss = (errors * self._loss.weights(times).to(device)).mean()
        self.losses.append(loss.item())
        if not math.isfinite(self.losses[-1]):
            raise InputError(
                f"The training diverged: the loss of step {self._done + 1} is {self.losses[-1]}. "
                "Choose a lower --learning-rate."
            )
        for group in self._optimiser.param_groups:
            group["lr"] = recipe.learning_rate * min(1.0, (self._done + 1) / _WARM_UP)
        self._optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self._adapter.parameters, _CLIP)
        self._optimiser.step()
        self._mean.step(self._adapter.parameters)
        self._done += 1
        bands = self._loss.band(times).tolist()
        return list(zip(bands, errors.detach().tolist(), strict=True))

    def _errors(
        self, rows: list[int], latents: torch.Tensor, noise: torch.Tensor, times: torch.Tensor
    ) -> torch.Tensor:
        states = self._adapter.states(rows)

        def predict(noisy: torch.Tensor, at: torch.Tensor) -> torch.Tensor:
            found: torch.Tensor = self._unet(noisy, at, encoder_hidden_states=states).sample
            return found

        half = latents.device.type == "cuda"
        with torch.autocast(latents.device.type, torch.bfloat16, enabled=half):
            return self._loss.errors(predict, latents, noise, times)

    def _measure(self, recent: list[tuple[int, float]], on_measurement: OnMeasurement) -> None:
        """Measure the mean parameters, show them, and keep the state."""
        parameters = self._adapter.parameters
        self._mean.store(parameters)
        self._mean.copy_to(parameters)
        measured = Measurement(self._done, self._measure_fixed(), _by_band(recent))
        self.history.append(measured)
        on_measurement(measured)
        self._mean.restore(parameters)
        self._keep()

    @torch.no_grad()
    def _measure_fixed(self) -> tuple[float, ...]:
        """Return the loss of each band on noise and timesteps that are always the same."""
        random = torch.Generator().manual_seed(_FIXED_NOISE)
        latents = self._latents[:_MEASURED]
        rows = list(range(len(latents)))
        found = []
        for band in range(BANDS):
            errors = []
            for place in range(_TIMES_A_BAND):
                share = (band + (place + 0.5) / _TIMES_A_BAND) / BANDS
                times = torch.full((len(rows),), int(share * self._loss.timesteps))
                noise = torch.randn(latents.shape, generator=random).to(latents.device)
                errors.append(self._errors(rows, latents, noise, times).mean().item())
            found.append(sum(errors) / len(errors))
        return tuple(found)

    def _resume(self) -> bool:
        """Take up an earlier run; return whether there was one."""
        state = self._checkpoint.read(self._latents.device)
        if state is None:
            return False
        with torch.no_grad():
            for mine, kept in zip(self._adapter.parameters, state["parameters"], strict=True):
                mine.copy_(kept)
        self._optimiser.load_state_dict(state["optimiser"])
        self._mean.load_state_dict(state["mean"])
        self._done, self.losses = state["done"], state["losses"]
        self.history = [
            Measurement(each["step"], tuple(each["fixed"]), tuple(each["training"]))
            for each in state["history"]
        ]
        return True

    def _keep(self) -> None:
        self._checkpoint.write(
            {
                "done": self._done,
                "parameters": [each.detach() for each in self._adapter.parameters],
                "optimiser": self._optimiser.state_dict(),
                "mean": self._mean.state_dict(),
                "losses": self.losses,
                "history": [asdict(each) for each in self.history],
            }
        )


class _Batches:
    """Which pictures each step is given: all in another order, again and again."""

    def __init__(self, count: int, size: int, seed: int) -> None:
        self._count, self._size, self._seed = count, size, seed
        self._order = lru_cache(2)(self._shuffle)

    def rows(self, step: int) -> list[int]:
        places = range(step * self._size, (step + 1) * self._size)
        return [int(self._order(n // self._count)[n % self._count]) for n in places]

    def _shuffle(self, epoch: int) -> NDArray[np.int64]:
        return np.random.default_rng((self._seed, epoch)).permutation(self._count)


def _by_band(recent: list[tuple[int, float]]) -> tuple[float | None, ...]:
    bands: list[list[float]] = [[] for _ in range(BANDS)]
    for band, error in recent:
        bands[band].append(error)
    return tuple(sum(each) / len(each) if each else None for each in bands)
