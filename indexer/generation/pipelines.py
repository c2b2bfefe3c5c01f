"""Diffusion pipelines: loaded from folders and the hub, without code or pickles."""

from enum import StrEnum
from typing import Any, Final

from indexer.errors import InvalidModel
from indexer.generation.adapters import Adapters, attach
from indexer.generation.extra import quiet_libraries
from indexer.generation.pipeline_folder import PipelineFolder, resolve_pipeline
from indexer.generation.schedulers import set_scheduler
from indexer.generation.tiny import TINY, load_tiny


class Task(StrEnum):
    """What a pipeline makes pictures from."""

    TEXT = "text-to-image"
    IMAGE = "image-to-image"
    INPAINTING = "inpainting"


_FACTORIES: Final = {
    Task.TEXT: "AutoPipelineForText2Image",
    Task.IMAGE: "AutoPipelineForImage2Image",
    Task.INPAINTING: "AutoPipelineForInpainting",
}


def load_pipeline(
    reference: str,
    task: Task = Task.TEXT,
    *,
    adapters: Adapters | None = None,
    scheduler: str | None = None,
    device: str = "auto",
) -> Any:
    """Load a diffusers pipeline; screen what it makes with `ScreenedPipeline`.

    On a GPU weights are float16, on a CPU float32; those of the tiny pipeline are always float32.

    Parameters
    ----------
    reference : str
        `tiny`; a folder with `model_index.json`; or `hf-hub:owner/name[@revision]`.
    task : Task
    adapters : Adapters, optional
        LoRA and textual-inversion files.
    scheduler : str, optional
        A name of `SCHEDULERS`; by default the pipeline's own.
    device : str
        As LOOKALIKE_DEVICE.

    Raises
    ------
    MissingExtra
        A package of the extra `generate` is not installed.
    NotFoundError
        The folder, hub repository or a file does not exist.
    InvalidModel
        No diffusers pipeline, one that cannot do the task, or one with code or pickles.
    InputError
        The scheduler is unknown, or the pipeline cannot use it.
    UnavailableError
        The hub cannot be reached and its cache does not hold the pipeline.
    """
    with quiet_libraries():
        from indexer.model.torch_encoder import pick_device

        target = pick_device(device)
        if reference == TINY:
            pipeline = load_tiny()
        else:
            pipeline = _load(resolve_pipeline(reference), half=target.type == "cuda")
        pipeline = as_task(pipeline, task)
        attach(pipeline, adapters or Adapters())
        if scheduler:
            set_scheduler(pipeline, scheduler)
        return pipeline.to(target)


def as_task(pipeline: Any, task: Task) -> Any:
    """Return a pipeline for another task that shares the networks of this one.

    Raises
    ------
    InvalidModel
        Pipelines of this kind cannot do the task.
    """
    import diffusers

    try:
        return getattr(diffusers, _FACTORIES[task]).from_pipe(pipeline)
    except ValueError as error:
        raise InvalidModel(
            f"A {type(pipeline).__name__} cannot do {task}. Use a pipeline that diffusers lists "
            f"for {_FACTORIES[task]}."
        ) from error


def _load(folder: PipelineFolder, *, half: bool) -> Any:
    import torch
    from diffusers import DiffusionPipeline

    try:
        return DiffusionPipeline.from_pretrained(
            folder.path,
            use_safetensors=True,
            local_files_only=True,
            torch_dtype=torch.float16 if half else torch.float32,
        )
    except Exception as error:  # of diffusers, transformers, torch or safetensors
        raise InvalidModel(
            f"The pipeline {folder.reference} cannot be loaded "
            f"({' '.join(str(error).split())[:300]}). Fetch it again; if it stays, its version of "
            "diffusers may be another than the one installed."
        ) from error
