"""LoRA and textual-inversion files, attached to a pipeline."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from indexer.errors import InvalidModel, NotFoundError

LORA_FILE: Final = "pytorch_lora_weights.safetensors"
EMBEDDING_FILE: Final = "learned_embeds.safetensors"
_SUFFIX: Final = ".safetensors"


@dataclass(frozen=True, slots=True)
class Adapters:
    """Files of weights that change a pipeline; of a folder, the file that diffusers saves in it."""

    loras: tuple[Path, ...] = ()
    embeddings: tuple[Path, ...] = ()  # textual inversions, each with a placeholder for prompts


def attach(pipeline: Any, adapters: Adapters) -> None:
    """Load LoRA weights and textual inversions into a pipeline.

    Raises
    ------
    NotFoundError
        A file does not exist.
    InvalidModel
        A file is not in safetensors, or does not fit the pipeline.
    """
    for number, given in enumerate(adapters.loras):
        _attach_lora(pipeline, _find(given, LORA_FILE), f"lora_{number}")
    if len(adapters.loras) > 1:
        pipeline.set_adapters([f"lora_{number}" for number in range(len(adapters.loras))])
    for given in adapters.embeddings:
        _attach_embedding(pipeline, _find(given, EMBEDDING_FILE))


def _attach_lora(pipeline: Any, path: Path, name: str) -> None:
    with _fitting(pipeline, path, "LoRA weights"):
        pipeline.load_lora_weights(
            str(path.parent),
            weight_name=path.name,
            adapter_name=name,
            use_safetensors=True,
            local_files_only=True,
        )
        loaded = {adapter for names in pipeline.get_list_adapters().values() for adapter in names}
        if name not in loaded:  # diffusers passes over weights of other networks
            raise ValueError("no layer of the pipeline is named in it")


def _attach_embedding(pipeline: Any, path: Path) -> None:
    from safetensors.torch import load_file

    with _fitting(pipeline, path, "a textual inversion"):
        pipeline.load_textual_inversion(load_file(path))


@contextmanager
def _fitting(pipeline: Any, path: Path, what: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # of diffusers, transformers, peft or torch
        raise InvalidModel(
            f"{path} cannot be used as {what} of {type(pipeline).__name__} "
            f"({' '.join(str(error).split())[:300]}). Use a file that was made for this model."
        ) from error


def _find(given: Path, in_folder: str) -> Path:
    path = given.expanduser().absolute()
    path = path / in_folder if path.is_dir() else path
    if not path.is_file():
        raise NotFoundError(f"The file {path} does not exist.")
    if path.suffix.lower() != _SUFFIX:
        raise InvalidModel(
            f"{path} is not in safetensors. Loading a pickle (.bin, .pt, .pth, .ckpt) can run "
            "code; convert a file that you trust once with `safetensors.torch.save_file`."
        )
    return path
