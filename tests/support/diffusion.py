"""Diffusion pipelines with the smallest random weights: the code is real, the pictures noise."""

from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from transformers import (
    BertConfig,
    BertModel,
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
)

from indexer.generation.text_encoder import load_tokenizer

SIDE = 64
"""Pixels of the pictures."""
_WIDTH = 32  # of the text encoders


def stable_diffusion(**components: Any) -> StableDiffusionPipeline:
    """Return a pipeline of Stable Diffusion 1.x, with these components in place of its own."""
    torch.manual_seed(0)
    tokenizer = load_tokenizer()
    encoder = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=_WIDTH,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=_WIDTH,
    )
    parts = {
        "vae": _autoencoder(),
        "text_encoder": BertModel(encoder).eval(),
        "tokenizer": tokenizer,
        "unet": _unet(cross_attention_dim=_WIDTH),
        "scheduler": DDIMScheduler(clip_sample=False, steps_offset=1),
        "safety_checker": None,
        "feature_extractor": None,
    }
    return _silent(StableDiffusionPipeline(**parts | components, requires_safety_checker=False))


def stable_diffusion_xl() -> StableDiffusionXLPipeline:
    """Return a pipeline of SDXL, which has no safety checker."""
    torch.manual_seed(0)
    tokenizer = load_tokenizer()
    encoder = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=_WIDTH,
        projection_dim=_WIDTH,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=_WIDTH,
        bos_token_id=1,
        eos_token_id=2,
    )
    unet = _unet(
        cross_attention_dim=2 * _WIDTH,
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=6 * 8 + _WIDTH,
    )
    return _silent(
        StableDiffusionXLPipeline(
            vae=_autoencoder(),
            text_encoder=CLIPTextModel(encoder).eval(),
            text_encoder_2=CLIPTextModelWithProjection(encoder).eval(),
            tokenizer=tokenizer,
            tokenizer_2=tokenizer,
            unet=unet,
            scheduler=DDIMScheduler(clip_sample=False, steps_offset=1),
            add_watermarker=False,
        )
    )


def _unet(**config: Any) -> UNet2DConditionModel:
    return UNet2DConditionModel(
        sample_size=SIDE // 2,
        block_out_channels=(8, 16),
        layers_per_block=1,
        norm_num_groups=4,
        attention_head_dim=2,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        **config,
    ).eval()


def _autoencoder() -> AutoencoderKL:
    return AutoencoderKL(
        block_out_channels=(8, 8),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        norm_num_groups=4,
        sample_size=SIDE,
    ).eval()


def _silent(pipe: Any) -> Any:
    pipe.set_progress_bar_config(disable=True)
    return pipe
