"""LoRA: low-rank matrices beside the weights of a UNet."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import torch

from indexer.generation.training.text_states import encode_tokens, tokens_of

_MODULES: Final = [
    *("to_q", "to_k", "to_v", "to_out.0"),  # attention
    *("proj_in", "proj_out", "ff.net.0.proj", "ff.net.2"),  # the rest of a transformer block
]


class LoraAdapter:
    """LoRA on the transformer blocks of a pipeline's UNet; captions are encoded once.

    Parameters
    ----------
    pipeline : diffusers pipeline
        Its UNet is given the adapter, which changes nothing at first.
    captions : sequence of str
    rank : int
    seed : int
        Of the matrices at first.
    """

    def __init__(self, pipeline: Any, captions: Sequence[str], rank: int, seed: int) -> None:
        from diffusers.training_utils import cast_training_params
        from peft import LoraConfig

        self._pipeline = pipeline
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            pipeline.unet.add_adapter(LoraConfig(r=rank, lora_alpha=rank, target_modules=_MODULES))
        cast_training_params(pipeline.unet, torch.float32)
        self._parameters = [each for each in pipeline.unet.parameters() if each.requires_grad]
        texts = list(dict.fromkeys(captions))
        with torch.no_grad():
            self._states = encode_tokens(pipeline, tokens_of(pipeline.tokenizer, texts))
        self._row_of = [texts.index(each) for each in captions]

    @property
    def parameters(self) -> list[torch.nn.Parameter]:
        """The matrices."""
        return self._parameters

    def states(self, rows: Sequence[int]) -> torch.Tensor:
        """Return the states of some pictures' captions, (n, tokens, d)."""
        return self._states[[self._row_of[row] for row in rows]]

    def save(self, folder: Path) -> None:
        """Write `pytorch_lora_weights.safetensors`."""
        from peft.utils import get_peft_model_state_dict

        self._pipeline.save_lora_weights(
            folder, unet_lora_layers=get_peft_model_state_dict(self._pipeline.unet)
        )
