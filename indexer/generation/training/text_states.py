"""Text states: what a pipeline's text encoder makes of captions."""

from collections.abc import Sequence
from typing import Any

import torch


def tokens_of(tokenizer: Any, texts: Sequence[str]) -> torch.Tensor:
    """Return the padded token ids of n texts, int64 of shape (n, tokens)."""
    ids: torch.Tensor = tokenizer(
        list(texts),
        padding="max_length",
        max_length=tokenizer.model_max_length,
        truncation=True,
        return_tensors="pt",
    ).input_ids
    return ids


def encode_tokens(pipeline: Any, ids: torch.Tensor) -> torch.Tensor:
    """Return the states of n texts by their token ids, (n, tokens, d)."""
    states: torch.Tensor = pipeline.text_encoder(ids.to(pipeline.text_encoder.device))[0]
    return states
