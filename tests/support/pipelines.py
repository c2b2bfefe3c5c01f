"""Diffusion pipelines for tests: the tiny one, or one of random weights that is far smaller."""

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "red", "apple", "icon", "of"]


def make_tiny_stand_in(folder: Path) -> Path:
    """Save untrained networks of the tiny pipeline's shapes, as its folder holds them."""
    import torch

    sys.path.insert(0, str(ROOT / "demo" / "tiny_pipeline"))
    try:
        import train
    finally:
        sys.path.pop(0)
    torch.manual_seed(0)
    train.new_unet().half().save_pretrained(folder / "unet")
    train.new_autoencoder().half().save_pretrained(folder / "vae")
    train.new_scheduler().save_pretrained(folder / "scheduler")
    return folder


def make_small_pipeline(folder: Path) -> Path:
    """Save a whole pipeline of random weights, as diffusers does: 16 x 16 pixels."""
    import torch
    from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline
    from diffusers import UNet2DConditionModel as UNet
    from transformers import BertConfig, BertModel, BertTokenizerFast

    torch.manual_seed(0)
    vocabulary = folder.parent / "vocab.txt"
    vocabulary.write_text("\n".join(WORDS))
    shape: dict[str, Any] = {"layers_per_block": 1, "norm_num_groups": 4, "sample_size": 8}
    StableDiffusionPipeline(
        vae=AutoencoderKL(
            down_block_types=("DownEncoderBlock2D",) * 2,
            up_block_types=("UpDecoderBlock2D",) * 2,
            block_out_channels=(4, 8),
            latent_channels=4,
            **shape | {"sample_size": 16},
        ),
        text_encoder=BertModel(
            BertConfig(
                vocab_size=len(WORDS),
                hidden_size=8,
                num_hidden_layers=1,
                num_attention_heads=1,
                intermediate_size=8,
            )
        ),
        tokenizer=BertTokenizerFast(str(vocabulary), model_max_length=8),
        unet=UNet(
            in_channels=4,
            out_channels=4,
            block_out_channels=(8, 8),
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
            cross_attention_dim=8,
            attention_head_dim=4,
            **shape,
        ),
        scheduler=DDIMScheduler(steps_offset=1, clip_sample=False),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(folder)
    return folder


def make_empty_pipeline(folder: Path, **components: object) -> Path:
    """Write a pipeline's folder without weights: enough to be checked, not to be loaded."""
    (folder / "unet").mkdir(parents=True)
    (folder / "unet" / "config.json").write_text("{}")
    (folder / "unet" / "diffusion_pytorch_model.safetensors").write_bytes(b"weights")
    index = {"_class_name": "StableDiffusionPipeline", "unet": ["diffusers", "UNet2DModel"]}
    (folder / "model_index.json").write_text(json.dumps(index | components))
    return folder
