"""Diffusion model: text to image, image to image and inpainting with one set of networks."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from PIL import Image

from indexer.errors import InputError
from indexer.generation.adapters import Adapters
from indexer.generation.extra import quiet_libraries
from indexer.generation.pipelines import Task, as_task, load_pipeline
from indexer.generation.sampling import (
    Sampling,
    call_arguments,
    fit_size,
    native_size,
    steps_of,
)

OnStep = Callable[[int, int], None]
"""Called after each step with the number done and the number to do."""


@dataclass(frozen=True, slots=True)
class PictureRequest:
    """What is to be drawn: a prompt, or a picture repainted by it, wholly or within a mask."""

    prompt: str
    sampling: Sampling = field(default_factory=Sampling)
    picture: Image.Image | None = field(default=None, repr=False)
    """RGB."""
    mask: Image.Image | None = field(default=None, repr=False)
    """Mode L and as large as the picture: 255 where it is repainted, else 0."""

    @property
    def task(self) -> Task:
        """The task of pipelines that draws it."""
        if self.picture is None:
            return Task.TEXT
        return Task.IMAGE if self.mask is None else Task.INPAINTING


class DiffusionModel:
    """A pipeline, loaded when first used; nothing that it draws is screened here.

    Parameters
    ----------
    reference, adapters, scheduler, device
        As for `load_pipeline`.
    """

    def __init__(
        self,
        reference: str,
        *,
        adapters: Adapters | None = None,
        scheduler: str | None = None,
        device: str = "auto",
    ) -> None:
        self.reference = reference
        self._adapters = adapters or Adapters()
        self._scheduler = scheduler
        self._device = device
        self._pipelines: dict[Task, Any] = {}

    def pipeline(self, task: Task) -> Any:
        """Return the pipeline for a task; those of all tasks share their networks.

        Raises
        ------
        LookalikeError
            As of `load_pipeline`.
        """
        if task not in self._pipelines:
            self._pipelines[task] = self._load(task)
            self._pipelines[task].set_progress_bar_config(disable=True)
        return self._pipelines[task]

    def settings(self, request: PictureRequest) -> dict[str, Any]:
        """Return what a picture depends on besides prompt and seed, defaults filled in.

        Raises
        ------
        InputError
            A value is out of range, or the pipeline does not take it.
        """
        arguments = self._arguments(request)
        further = {
            "size": self._size(request),
            "scheduler": type(self.pipeline(request.task).scheduler).__name__,
            "loras": [path.name for path in self._adapters.loras],
            "embeddings": [path.name for path in self._adapters.embeddings],
            "ignored_tokens": _ignored_tokens(self.pipeline(request.task), request.prompt),
        }
        return {name: value for name, value in (arguments | further).items() if value}

    def steps(self, request: PictureRequest) -> int:
        """Return how many steps a picture takes."""
        return steps_of(self._arguments(request))

    def draw(
        self, request: PictureRequest, generator: Any, on_step: OnStep | None = None
    ) -> Image.Image:
        """Draw one picture, RGB, from the noise of a `torch.Generator`.

        A picture of a prompt has `sampling.size`, or the size that the pipeline was trained on. A
        repainted one has `sampling.size`, or the picture's shape and the area that the pipeline
        was trained on. An inpainted one is as large as the picture, and its pixels outside of the
        mask stay as they are.

        Raises
        ------
        InputError
            A value is out of range, or the pipeline refuses it or fails.
        """
        size = self._size(request)
        pipeline = self.pipeline(request.task)
        arguments = {**self._arguments(request), "prompt": request.prompt}
        if request.picture is not None:
            arguments["image"] = request.picture.resize(size, Image.Resampling.LANCZOS)
        if request.mask is not None:
            arguments["mask_image"] = request.mask.resize(size)
        further = {"width": size[0], "height": size[1]}
        accepted = inspect.signature(pipeline.__call__).parameters
        arguments |= {name: value for name, value in further.items() if name in accepted}
        if on_step is not None and "callback_on_step_end" in accepted:
            arguments["callback_on_step_end"] = _after_step(on_step, steps_of(arguments))
        drawn = _run(pipeline, arguments, generator)
        if request.picture is None or request.mask is None:
            return drawn
        enlarged = drawn.resize(request.picture.size, Image.Resampling.LANCZOS)
        return Image.composite(enlarged, request.picture, request.mask)

    def repainter(
        self, prompt: str, sampling: Sampling, seed: int
    ) -> Callable[[Image.Image, float], Image.Image]:
        """Return what repaints a picture at a strength, the same each time."""
        from indexer.generation.seeds import generators_of

        def repaint(picture: Image.Image, strength: float) -> Image.Image:
            request = PictureRequest(prompt, replace(sampling, strength=strength), picture)
            return self.draw(request, generators_of([seed]))

        return repaint

    def _load(self, task: Task) -> Any:
        for other in self._pipelines.values():
            with quiet_libraries():
                return as_task(other, task)
        return load_pipeline(
            self.reference,
            task,
            adapters=self._adapters,
            scheduler=self._scheduler,
            device=self._device,
        )

    def _arguments(self, request: PictureRequest) -> dict[str, Any]:
        pipeline = self.pipeline(request.task)
        arguments = call_arguments(pipeline, self.reference, request.sampling)
        steps_of(arguments)  # at least one
        return arguments

    def _size(self, request: PictureRequest) -> tuple[int, int]:
        if request.sampling.size:
            return request.sampling.size
        side = native_size(self.pipeline(request.task))
        return fit_size(request.picture.size if request.picture else (side, side), side)


def _ignored_tokens(pipeline: Any, prompt: str) -> int:
    """Return how many tokens at the end of a prompt are beyond what the text encoder reads.

    Where there are several encoders, the longest may read them all: 0.
    """
    tokenizer = getattr(pipeline, "tokenizer", None)
    if tokenizer is None or getattr(pipeline, "tokenizer_2", None) is not None:
        return 0
    with quiet_libraries():
        return max(0, len(tokenizer(prompt).input_ids) - int(tokenizer.model_max_length))


def _after_step(on_step: OnStep, total: int) -> Callable[..., dict[str, Any]]:
    def called(_: Any, step: int, __: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        on_step(min(step + 1, total), total)
        return tensors

    return called


def _run(pipeline: Any, arguments: dict[str, Any], generator: Any) -> Image.Image:
    try:
        with quiet_libraries():
            made = pipeline(**arguments, generator=generator, output_type="pil")
    except (RuntimeError, TypeError, ValueError) as error:
        raise InputError(
            f"{type(pipeline).__name__} failed: {' '.join(str(error).split())[:300]}"
        ) from error
    picture: Image.Image = made.images[0]
    return picture
