"""Screened pipeline: a diffusers pipeline whose pictures are screened before anyone sees them."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import wraps
from inspect import isroutine
from pathlib import Path
from typing import Any, Final, Self

from PIL import Image

from indexer.errors import InputError, UnreadableSource, UnscreenedOutput
from indexer.generation.flagged_action import FlaggedAction, Handling, Shown
from indexer.generation.pipeline_call import PipelineCall
from indexer.generation.pipelines import load_pipeline
from indexer.generation.screened_images import (
    Attempt,
    GeneratedPicture,
    ScreenedImages,
    converted,
)
from indexer.generation.screening import Screener, raise_if_flagged, screen_all

_RECORD: Final = "screening.json"
_PIPELINE: Final = "pipeline"
_PASSED: Final = (
    "delete_", "disable_", "enable_", "fuse_", "load_", "set_", "unfuse_", "unload_",
)  # fmt: skip
_PASSED_BY_NAME: Final = {
    "encode_prompt",
    "get_active_adapters",
    "get_list_adapters",
    "maybe_free_model_hooks",
    "progress_bar",
    "remove_all_hooks",
    "reset_device_map",
    "to",
}
_OWN: Final = ("_pipe", "_screener", "_action")
_REFUSED: Final = {"components", "config"}
"""What another, unscreened pipeline would be made of."""


class ScreenedPipeline:
    """Wraps a diffusers pipeline, so that no picture leaves it without being screened.

    It is called like the pipeline, with `seed` besides. Attributes are the pipeline's: models and
    schedulers can be read and replaced, and its methods that place, speed up or adapt it can be
    called. Whatever would give a picture, latents or a pipeline that are not screened raises
    `UnscreenedOutput`. Prompts are not checked.

    Parameters
    ----------
    pipe : callable
        A pipeline of diffusers, which returns an object with `images`.
    screener : Screener
        `IndexScreener` or `ServerScreener`.
    action : FlaggedAction or str
        What becomes of flagged pictures: flag, blur, black, raise, or `retry(n)`.

    Raises
    ------
    InputError
        The action is invalid, or the screener is none.
    """

    def __init__(
        self,
        pipe: Callable[..., Any],
        screener: Screener,
        action: FlaggedAction | str = "black",
    ) -> None:
        action = FlaggedAction.of(action)
        if not callable(getattr(screener, "screen", None)):
            raise InputError(
                f"{screener!r} is no screener. Use `open_screener()` for an index, or "
                "`ServerScreener(Lookalike(url, key))` for a server."
            )
        for name, value in zip(_OWN, (pipe, screener, action), strict=True):
            object.__setattr__(self, name, value)

    def __call__(
        self, *args: Any, seed: int | Sequence[int] | None = None, **kwargs: Any
    ) -> ScreenedImages:
        """Generate pictures, screen each once, and return them as they may be shown.

        Parameters
        ----------
        *args, **kwargs
            Those of the pipeline. `return_dict` makes no difference: what is returned is a named
            tuple.
        seed : int or sequence of int, optional
            Of the first picture, the next ones for the others; or one each. Random by default.

        Raises
        ------
        PictureFlagged
            A picture was flagged, and the action is raise.
        ScreeningFailed
            A picture could not be screened.
        UnscreenedOutput
            Latents or anything else was asked for that cannot be screened.
        InputError
            The seeds or the output type are invalid.
        """
        call = PipelineCall.of(self._pipe, (args, kwargs), seed, self)
        images = call.run()
        pictures = [
            GeneratedPicture(prompt, Attempt(call.seed(place), screening))
            for place, (prompt, screening) in enumerate(
                zip(
                    call.prompts(len(images)),
                    screen_all(self._screener, images),
                    strict=True,
                )
            )
        ]
        for attempt in range(1, self._action.retries + 1):
            flagged = [place for place, picture in enumerate(pictures) if picture.flagged]
            if not flagged:
                break
            self._generate_again(call, attempt, flagged, images, pictures)
        return self._handled(images, pictures, call.output_type)

    def _generate_again(
        self,
        call: PipelineCall,
        attempt: int,
        places: list[int],
        images: list[Image.Image],
        pictures: list[GeneratedPicture],
    ) -> None:
        """Replace the pictures at some places by those of new seeds."""
        again, found = call.again(places, attempt)
        made = again.run()
        fresh = [made[place] for place in found]
        screenings = screen_all(self._screener, fresh)
        for index, place in enumerate(places):
            images[place] = fresh[index]
            seed = again.seed(found[index])
            pictures[place] = pictures[place].after(Attempt(seed, screenings[index]))

    def _handled(
        self, images: list[Image.Image], pictures: list[GeneratedPicture], output_type: str
    ) -> ScreenedImages:
        """Cover what is flagged, or raise."""
        if self._action.handling is Handling.RAISE:
            raise_if_flagged([picture.screening for picture in pictures], pictures)
        shown = [self._action.shown if each.flagged else Shown.WHOLE for each in pictures]
        covered = [how.cover(image) for how, image in zip(shown, images, strict=True)]
        return ScreenedImages(
            converted(covered, output_type),
            tuple(replace(each, shown=how) for each, how in zip(pictures, shown, strict=True)),
        )

    # --- other pipelines -------------------------------------------------------------------------

    def convert(self, pipeline_class: Any, **options: Any) -> Self:
        """Return a screened pipeline of another task over the same models.

        Parameters
        ----------
        pipeline_class : type
            Such as `AutoPipelineForInpainting`.
        **options
            Those of its `from_pipe`.
        """
        pipe = pipeline_class.from_pipe(self._pipe, **options)
        return type(self)(pipe, self._screener, self._action)

    @classmethod
    def from_pretrained(
        cls,
        reference: str | Path,
        screener: Screener,
        action: FlaggedAction | str | None = None,
        **options: Any,
    ) -> Self:
        """Load a pipeline, and screen it.

        Parameters
        ----------
        reference : str or Path
            Folder that `save_pretrained` wrote; or whatever `load_pipeline` loads.
        screener : Screener
        action : FlaggedAction or str, optional
            By default the saved one, else black.
        **options
            Those of `load_pipeline`: task, adapters, scheduler, device.

        Raises
        ------
        MissingExtra, NotFoundError, InvalidModel, InputError, UnavailableError
            As for `load_pipeline`.
        UnreadableSource
            What was saved beside the pipeline is damaged.
        """
        saved = _read_record(Path(reference))
        folder = reference if saved is None else Path(reference) / _PIPELINE
        return cls(load_pipeline(str(folder), **options), screener, action or saved or "black")

    def save_pretrained(self, folder: str | Path, **options: Any) -> None:
        """Save the pipeline so that only `from_pretrained` of this class loads it by the folder.

        The screener is not saved: it is given again at each load.

        Parameters
        ----------
        folder : str or Path
        **options
            Those of diffusers' `save_pretrained`.
        """
        folder = Path(folder)
        self._pipe.save_pretrained(folder / _PIPELINE, **options)
        record = {"format": 1, "action": str(self._action)}
        (folder / _RECORD).write_text(json.dumps(record, indent=2), encoding="utf-8")

    # --- attributes of the pipeline --------------------------------------------------------------

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name in _OWN:
            raise AttributeError(name)
        value = getattr(self._pipe, name)
        if name in _REFUSED or _is_pipeline(value):
            raise UnscreenedOutput(
                f"`{name}` is not given: a pipeline made of it would not be screened. "
                "`convert(AutoPipelineForInpainting)` returns a screened one of another task."
            )
        if not isroutine(value):
            return value
        if not name.startswith(_PASSED) and name not in _PASSED_BY_NAME:
            raise UnscreenedOutput(
                f"`{name}` is not called through a screened pipeline, for what it returns is not "
                "screened. Call it on the pipeline before it is wrapped."
            )

        @wraps(value)
        def passed(*args: Any, **kwargs: Any) -> Any:
            result = value(*args, **kwargs)
            return self if result is self._pipe else result

        return passed

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _OWN or hasattr(type(self), name):
            raise AttributeError(f"`{name}` cannot be set. Wrap the pipeline again instead.")
        setattr(self._pipe, name, value)


def _is_pipeline(value: object) -> bool:
    """Tell whether an attribute is a pipeline itself, as those of combined pipelines are."""
    return hasattr(value, "components") and hasattr(value, "save_pretrained")


def _read_record(folder: Path) -> FlaggedAction | None:
    """Return the action saved with a pipeline; None for a folder of diffusers, or a hub id."""
    path = folder / _RECORD
    if not path.is_file():
        return None
    try:
        return FlaggedAction.parse(json.loads(path.read_text(encoding="utf-8"))["action"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UnreadableSource(
            f"{path} cannot be read ({error}). Save the pipeline again, or load its folder "
            f"{_PIPELINE}/."
        ) from error
