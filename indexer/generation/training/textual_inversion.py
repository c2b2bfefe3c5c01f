"""Textual inversion: the embedding of one new token."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from indexer.errors import InputError
from indexer.generation.adapters import EMBEDDING_FILE
from indexer.generation.training.text_states import encode_tokens, tokens_of


class TokenAdapter:
    """A token of a pipeline's tokenizer whose embedding is trained; nothing else changes.

    Parameters
    ----------
    pipeline : diffusers pipeline
        Its tokenizer and text encoder are given the token.
    captions : sequence of str
    token : str
    initial_words : str
        The token begins as the mean of their embeddings.

    Raises
    ------
    InputError
        The tokenizer has the token already, the initial words are none, or a caption lacks it.
    """

    def __init__(
        self, pipeline: Any, captions: Sequence[str], token: str, initial_words: str
    ) -> None:
        tokenizer, encoder = pipeline.tokenizer, pipeline.text_encoder
        if token.split() != [token]:
            raise InputError(f"{token!r} has spaces. Choose a token such as my-thing.")
        words = tokenizer(initial_words, add_special_tokens=False).input_ids
        if not words:
            raise InputError(f"{initial_words!r} has no word that the model knows. Name another.")
        if token in tokenizer.get_vocab():
            raise InputError(
                f"{token} is a word of the model already. Choose a token that is not, such as "
                f"my-{token}."
            )
        tokenizer.add_tokens(token)
        self._pipeline, self._token = pipeline, token
        self._id = int(tokenizer.convert_tokens_to_ids(token))
        encoder.resize_token_embeddings(len(tokenizer), mean_resizing=False)
        encoder.requires_grad_(requires_grad=False)
        table = encoder.get_input_embeddings()
        with torch.no_grad():
            first = table.weight[words].float().mean(dim=0)
        self._embedding = torch.nn.Parameter(first)
        table.register_forward_hook(self._insert)
        self._ids = tokens_of(tokenizer, captions)
        for caption, ids in zip(captions, self._ids, strict=True):
            if self._id not in ids:
                raise InputError(
                    f"The caption {caption!r} does not contain {token}, or is cut before it. Write "
                    "the token near the caption's beginning."
                )

    @property
    def parameters(self) -> list[torch.nn.Parameter]:
        """The embedding, of shape (d,)."""
        return [self._embedding]

    def states(self, rows: Sequence[int]) -> torch.Tensor:
        """Return the states of some pictures' captions, (n, tokens, d)."""
        return encode_tokens(self._pipeline, self._ids[list(rows)])

    def save(self, folder: Path) -> None:
        """Write `learned_embeds.safetensors`."""
        from safetensors.torch import save_file

        folder.mkdir(exist_ok=True)
        save_file({self._token: self._embedding.detach().cpu()}, folder / EMBEDDING_FILE)

    def _insert(
        self, _table: torch.nn.Module, inputs: tuple[torch.Tensor, ...], found: torch.Tensor
    ) -> torch.Tensor:
        """Put the embedding where the token is."""
        return torch.where((inputs[0] == self._id)[..., None], self._embedding.to(found), found)
