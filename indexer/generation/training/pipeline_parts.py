"""Parts of a pipeline that training needs, and its latents."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import torch

from indexer.errors import InvalidModel
from indexer.generation.training.captioned_pictures import CaptionedPicture

_PARTS: Final = ("unet", "vae", "text_encoder", "tokenizer", "scheduler")
_BATCH: Final = 8  # pictures that are encoded at once


def check_trainable(pipeline: Any, reference: str) -> None:
    """Refuse pipelines that are not built as Stable Diffusion 1 and 2 are, and freeze the rest.

    Raises
    ------
    InvalidModel
        It has no UNet, or one that takes more than noisy latents and one encoder's text.
    """
    parts = [getattr(pipeline, name, None) for name in _PARTS]
    several = getattr(pipeline, "text_encoder_2", None) is not None
    if (
        any(part is None for part in parts)
        or several
        or pipeline.unet.config.in_channels != pipeline.vae.config.latent_channels
    ):
        raise InvalidModel(
            f"{reference}, a {type(pipeline).__name__}, cannot be trained: only pipelines built as "
            "Stable Diffusion 1 and 2 are, with one text encoder and a UNet of latents alone. Name "
            "one with --model."
        )
    for network in (pipeline.unet, pipeline.vae, pipeline.text_encoder):
        network.requires_grad_(requires_grad=False)
        network.eval()


@torch.no_grad()
def encode_pictures(pipeline: Any, pictures: Sequence[CaptionedPicture]) -> torch.Tensor:
    """Return the scaled latents of n pictures, float32 of shape (n, c, h, w): their means."""
    vae = pipeline.vae
    found = []
    for start in range(0, len(pictures), _BATCH):
        pixels = np.stack([each.rgb for each in pictures[start : start + _BATCH]])
        signed = torch.from_numpy(pixels).permute(0, 3, 1, 2).to(vae.device, vae.dtype)
        found.append(vae.encode(signed / 127.5 - 1).latent_dist.mean.float())
    return torch.cat(found) * float(vae.config.scaling_factor)
