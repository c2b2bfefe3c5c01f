"""Loss of a diffusion model: its error of noise or velocity, weighted by timestep."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any, Final

import torch

from indexer.errors import InputError

BANDS: Final = 4
"""Equal ranges of timesteps that losses are reported by, from the least noise to the most."""
_LEAST_SNR: Final = 1e-8  # where a schedule ends in pure noise
_PREDICTIONS: Final = ("epsilon", "v_prediction")

Predict = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""Given noisy latents (n, c, h, w) and timesteps (n,), returns what the UNet predicts."""


class DiffusionLoss:
    """Noises latents by a scheduler's schedule and measures what a UNet makes of them.

    Parameters
    ----------
    scheduler : diffusers scheduler
        Of a pipeline that predicts noise (epsilon) or velocity (Salimans and Ho 2022).
    min_snr : float, optional
        The gamma of min-SNR weights (Hang et al. 2023).

    Raises
    ------
    InputError
        The scheduler predicts something else.
    """

    def __init__(self, scheduler: Any, min_snr: float | None) -> None:
        self._prediction = str(scheduler.config.get("prediction_type", "epsilon"))
        if self._prediction not in _PREDICTIONS or not hasattr(scheduler, "alphas_cumprod"):
            raise InputError(
                f"The pipeline's scheduler, {type(scheduler).__name__}, predicts "
                f"{self._prediction}. Only models that predict {' or '.join(_PREDICTIONS)} can be "
                "trained: choose one of Stable Diffusion 1 or 2, or the default."
            )
        self._alphas: torch.Tensor = scheduler.alphas_cumprod.float().cpu()
        self._min_snr = min_snr

    @property
    def timesteps(self) -> int:
        """Length of the schedule."""
        return len(self._alphas)

    def errors(
        self,
        predict: Predict,
        latents: torch.Tensor,
        noise: torch.Tensor,
        times: torch.Tensor,
    ) -> torch.Tensor:
        """Return the mean squared error of each of n latents, float32 of shape (n,).

        Parameters
        ----------
        predict : callable
        latents, noise : Tensor of shape (n, c, h, w), float32
        times : Tensor of shape (n,), int64, on the processor
        """
        share = self._alphas[times].reshape(-1, 1, 1, 1).to(latents)
        signal, sigma = share.sqrt(), (1 - share).sqrt()
        noisy = signal * latents + sigma * noise
        velocity = signal * noise - sigma * latents
        wanted = noise if self._prediction == "epsilon" else velocity
        predicted = predict(noisy, times.to(latents.device)).float()
        return (predicted - wanted).square().mean(dim=(1, 2, 3))

    def weights(self, times: torch.Tensor) -> torch.Tensor:
        """Return how much the error at each of n timesteps counts, float32 of shape (n,)."""
        if self._min_snr is None:
            return torch.ones(len(times))
        share = self._alphas[times]
        ratio = (share / (1 - share)).clamp(min=_LEAST_SNR)
        counted = ratio.clamp(max=self._min_snr)
        return counted / (ratio if self._prediction == "epsilon" else ratio + 1)

    def band(self, times: torch.Tensor) -> torch.Tensor:
        """Return the band of each of n timesteps, int64 of shape (n,), 0 to 3."""
        return times * BANDS // self.timesteps


def band_names(timesteps: int) -> list[str]:
    """Return the timesteps of each band in words, of a schedule of so many."""
    edges = [band * timesteps // BANDS for band in range(BANDS + 1)]
    return [f"{low} to {high - 1}" for low, high in pairwise(edges)]
