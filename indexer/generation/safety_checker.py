"""Safety checker of Stable Diffusion 1.x pipelines, by an index instead of CLIP."""

from collections.abc import Callable
from typing import Any, Final, Self

import numpy as np
from PIL import Image

from indexer.errors import InputError, ScreeningFailed
from indexer.generation.flagged_action import FlaggedAction, Handling
from indexer.generation.screening import Screener, Screening, raise_if_flagged, screen_all


class PictureBatch:
    """PIL pictures in place of CLIP's input, which the pipeline moves and casts."""

    def __init__(self, pictures: list[Image.Image]) -> None:
        self.pictures: Final = pictures

    @property
    def pixel_values(self) -> Self:
        """The pictures."""
        return self

    def to(self, *_args: Any, **_kwargs: Any) -> Self:
        """Return the pictures: they are on no device."""
        return self


class PictureExtractor:
    """Feature extractor that hands the pipeline's PIL pictures to the checker."""

    def __call__(self, pictures: list[Image.Image], **_kwargs: Any) -> PictureBatch:
        """Return the pictures as they are."""
        return PictureBatch(pictures)


class SafetyChecker:
    """Screens the pictures of a pipeline that has a `safety_checker`: Stable Diffusion 1.x alone.

    It is passed by when latents are asked for, in a pipeline made by `from_pipe`, and it is not
    saved with the pipeline; it sees an inpainted crop before it is put back. `ScreenedPipeline` has
    none of these gaps.

    Parameters
    ----------
    screener : Screener
    action : FlaggedAction or str
        flag, blur, black or raise.
    report : callable, optional
        Called with the screenings of each batch, which the pipeline has no room to return.

    Raises
    ------
    InputError
        The action is invalid, or retry: a checker cannot generate again.
    """

    def __init__(
        self,
        screener: Screener,
        action: FlaggedAction | str = "black",
        report: Callable[[list[Screening]], object] | None = None,
    ) -> None:
        self._action = FlaggedAction.of(action)
        if self._action.handling is Handling.RETRY:
            raise InputError("A safety checker cannot retry. Use a ScreenedPipeline.")
        self._screener = screener
        self._report = report
        self.feature_extractor: Final = PictureExtractor()
        """Given to the pipeline as its `feature_extractor`."""

    def __call__(self, images: Any, clip_input: PictureBatch) -> tuple[Any, list[bool]]:
        """Screen a batch; flagged pictures are replaced by what may be shown of them.

        Parameters
        ----------
        images : tensor of shape (n, 3, h, w) or ndarray of shape (n, h, w, 3)
            Replaced in place; flagged ones are then 0 to 1, as the pipeline expects of them.
        clip_input : PictureBatch
            The same pictures, from `feature_extractor`.

        Raises
        ------
        PictureFlagged
            A picture was flagged, and the action is raise.
        ScreeningFailed
            A picture could not be screened, or the pipeline has another feature extractor.
        """
        if not isinstance(clip_input, PictureBatch):
            raise ScreeningFailed(
                "the pipeline has another feature extractor. Give it `feature_extractor` of the "
                "SafetyChecker."
            )
        screenings = screen_all(self._screener, clip_input.pictures)
        if self._report:
            self._report(screenings)
        if self._action.handling is Handling.RAISE:
            raise_if_flagged(screenings, screenings)
        for place, (picture, screening) in enumerate(
            zip(clip_input.pictures, screenings, strict=True)
        ):
            if screening.flagged:
                shown = self._action.shown.cover(picture.convert("RGB"))
                images[place] = _like(np.asarray(shown, np.float32) / 255, images)
        return images, [screening.flagged for screening in screenings]


def _like(pixels: Any, images: Any) -> Any:
    """Return pixels (h, w, 3), 0 to 1, as one of the images."""
    if isinstance(images, np.ndarray):
        return pixels
    import torch

    return torch.from_numpy(pixels.transpose(2, 0, 1).copy()).to(images)
