"""Screened images: what a screened pipeline returns."""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Self

import numpy as np
from PIL import Image

from indexer.generation.flagged_action import Shown
from indexer.generation.screening import Screening


@dataclass(frozen=True, slots=True)
class Attempt:
    """One generation of a picture, and what screening found."""

    seed: int | None
    """None for a pipeline that takes no generator."""
    screening: Screening

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values of JSON."""
        return {"seed": self.seed, **self.screening.as_dict()}


@dataclass(frozen=True, slots=True)
class GeneratedPicture:
    """How a picture was made, and what screening found, without the picture."""

    prompt: str | None
    """None if the pipeline was given no text."""
    last: Attempt
    """The attempt whose picture is returned."""
    earlier: tuple[Attempt, ...] = ()
    """Attempts that were flagged, and generated again."""
    shown: Shown = Shown.WHOLE
    """What is returned of it: all of it, a blur or black."""

    @property
    def seed(self) -> int | None:
        """Seed of the picture that is returned."""
        return self.last.seed

    @property
    def screening(self) -> Screening:
        """What screening found of the picture that is returned, before it was covered."""
        return self.last.screening

    @property
    def flagged(self) -> bool:
        """Whether the picture is flagged."""
        return self.screening.flagged

    def after(self, attempt: Attempt) -> Self:
        """Return it after a further attempt."""
        return replace(self, last=attempt, earlier=(*self.earlier, self.last))

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values of JSON."""
        return {
            "prompt": self.prompt,
            "shown": self.shown.value,
            **self.last.as_dict(),
            "earlier": [attempt.as_dict() for attempt in self.earlier],
        }


class ScreenedImages(NamedTuple):
    """Pictures as they may be shown, and what screening found of each."""

    images: Any
    """A list of PIL pictures; (n, h, w, c) for np and a tensor (n, c, h, w) for pt, 0 to 1."""
    pictures: tuple[GeneratedPicture, ...]
    """One for each of the images."""

    @property
    def nsfw_content_detected(self) -> list[bool]:
        """Whether each picture is flagged, under the name that diffusers has for it."""
        return [picture.flagged for picture in self.pictures]


def converted(pictures: list[Image.Image], output_type: str) -> Any:
    """Return screened pictures as `pil`, `np` or `pt`.

    Returns
    -------
    list of Image, ndarray of shape (n, h, w, c) or tensor of shape (n, c, h, w)
        Arrays and tensors are float32, 0 to 1, of the 8 bits that were screened.
    """
    if output_type == "pil" or not pictures:
        return pictures
    modes = {picture.mode for picture in pictures}
    if len(modes) > 1:  # a covered picture is RGB
        pictures = [picture.convert("RGB") for picture in pictures]
    array = np.stack([np.asarray(picture, np.float32) / 255 for picture in pictures])
    array = array.reshape(*array.shape[:3], -1)  # grey pictures have no axis of channels
    if output_type == "np":
        return array
    import torch

    return torch.from_numpy(array.transpose(0, 3, 1, 2).copy())
