"""Sampling settings of a diffusion pipeline, and the arguments of its call."""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from indexer.errors import InputError
from indexer.generation.tiny import TINY

_GRID: Final = 8  # pixels; sides of pictures are multiples of it
_MOST_SIDE: Final = 4096  # pixels
_TINY_DEFAULTS: Final = {"steps": 25, "guidance": 4.0}
_ARGUMENTS: Final = {
    "steps": "num_inference_steps",
    "guidance": "guidance_scale",
    "negative_prompt": "negative_prompt",
    "strength": "strength",
}


@dataclass(frozen=True, slots=True)
class Sampling:
    """How pictures are sampled; what is None is up to the pipeline."""

    steps: int | None = None
    guidance: float | None = None  # scale of classifier-free guidance (Ho and Salimans, 2022)
    negative_prompt: str | None = None
    size: tuple[int, int] | None = None  # width and height, in pixels
    strength: float | None = None
    """Of a repainted picture, above 0 and at most 1: how much noise is added; 1 leaves nothing."""

    def check(self) -> None:
        """Check the ranges.

        Raises
        ------
        InputError
            A value is out of range.
        """
        if self.steps is not None and self.steps < 1:
            raise InputError(f"The number of steps must be at least 1, not {self.steps}.")
        if self.guidance is not None and not 0 <= self.guidance < float("inf"):
            raise InputError(f"The guidance must be at least 0, not {self.guidance}.")
        if self.strength is not None and not 0 < self.strength <= 1:
            raise InputError(f"The strength must be above 0 and at most 1, not {self.strength:g}.")
        if self.size is not None:
            _check_size(self.size)


def parse_size(text: str) -> tuple[int, int]:
    """Return the width and height that `512` or `768x512` stands for.

    Raises
    ------
    InputError
        It is no size, or not in multiples of 8 pixels up to 4096.
    """
    sides = text.lower().split("x")
    if len(sides) not in {1, 2} or not all(each.isascii() and each.isdecimal() for each in sides):
        raise InputError(f"{text!r} is not a size in pixels. Write 512 or 768x512.")
    size = int(sides[0]), int(sides[-1])
    _check_size(size)
    return size


def _check_size(size: tuple[int, int]) -> None:
    if not all(_GRID <= side <= _MOST_SIDE and side % _GRID == 0 for side in size):
        raise InputError(
            f"A size of {size[0]}x{size[1]} pixels cannot be generated: both sides must be "
            f"multiples of {_GRID}, from {_GRID} to {_MOST_SIDE}."
        )


def native_size(pipeline: Any) -> int:
    """Return the side, in pixels, of the pictures that a pipeline was trained on."""
    stated = getattr(pipeline, "default_sample_size", None)
    side = stated or pipeline.unet.config.sample_size
    return int(side) * int(pipeline.vae_scale_factor)


def fit_size(size: tuple[int, int], side: int) -> tuple[int, int]:
    """Return the width and height of a shape like `size` whose area is that of a square.

    Parameters
    ----------
    size : (int, int)
        Width and height of a picture.
    side : int
        Side of the square, in pixels.
    """
    width, height = size
    scale = side / (width * height) ** 0.5
    return _to_grid(width * scale), _to_grid(height * scale)


def _to_grid(side: float) -> int:
    return max(_GRID, round(side / _GRID) * _GRID)


def call_arguments(pipeline: Any, model: str, sampling: Sampling) -> dict[str, Any]:
    """Return the keyword arguments of a pipeline's call, defaults filled in.

    Raises
    ------
    InputError
        A value is out of range, or the pipeline does not take it.
    """
    sampling.check()
    accepted = inspect.signature(pipeline.__call__).parameters
    arguments = {}
    for name, argument in _ARGUMENTS.items():
        value = getattr(sampling, name)
        if argument not in accepted:
            if value is not None:
                raise InputError(
                    f"A {type(pipeline).__name__} takes no {name.replace('_', ' ')}: leave it out."
                )
        elif value is None:
            default = accepted[argument].default
            arguments[argument] = _TINY_DEFAULTS.get(name, default) if model == TINY else default
        else:
            arguments[argument] = value
    return arguments


def steps_of(arguments: Mapping[str, Any]) -> int:
    """Return how many steps a call takes: of image to image, only the last ones.

    Raises
    ------
    InputError
        None at all.
    """
    steps: int = arguments["num_inference_steps"]
    taken = min(int(steps * arguments.get("strength", 1.0)), steps)
    if taken < 1:
        raise InputError(
            f"{steps} steps at strength {arguments['strength']:g} are none at all. Take more "
            "steps or a greater strength."
        )
    return taken
