"""The tiny pipeline: the generator that comes with the package and runs without a network."""

from pathlib import Path
from typing import Any, Final

from indexer.errors import InvalidModel
from indexer.generation.text_encoder import load_text_encoder, load_tokenizer

TINY: Final = "tiny"  # its reference
FOLDER: Final = Path(__file__).with_name("tiny")
"""Folder of its UNet, autoencoder and scheduler; the text encoder is a package."""


def load_tiny() -> Any:
    """Return the tiny `StableDiffusionPipeline`: 64 x 64 pixels, prompts of up to 24 tokens.

    Weights are stored at half precision and loaded as float32.

    Raises
    ------
    InvalidModel
        The weights are missing.
    """
    import torch
    from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline
    from diffusers import UNet2DConditionModel as UNet

    if not (FOLDER / "unet").is_dir():
        raise InvalidModel(
            f"The weights of the tiny pipeline are missing from {FOLDER}. Install the package "
            "again, or make them with demo/tiny_pipeline/train.py and pack.py."
        )
    stored = {"use_safetensors": True, "local_files_only": True, "torch_dtype": torch.float32}
    return StableDiffusionPipeline(
        vae=AutoencoderKL.from_pretrained(FOLDER / "vae", **stored),
        text_encoder=load_text_encoder(),
        tokenizer=load_tokenizer(),
        unet=UNet.from_pretrained(FOLDER / "unet", **stored),
        scheduler=DDIMScheduler.from_pretrained(
            FOLDER / "scheduler", local_files_only=True, steps_offset=1
        ),
        safety_checker=None,  # every picture is screened by the caller, whatever the pipeline
        feature_extractor=None,
        requires_safety_checker=False,
    )
