"""Validation sheet: pictures of the same prompts and seeds, drawn at each measurement."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import Image, ImageDraw

from indexer.types import Rgb

_GAP: Final = 4  # pixels
_LINE: Final = 14  # pixels of a line of text
_CELL: Final = 128  # pixels of a picture's side at least
_LETTER: Final = 6  # pixels of Pillow's own font


@dataclass(frozen=True, slots=True)
class SheetPlan:
    """What every sheet of a training shows."""

    prompts: tuple[str, ...]
    seed: int  # of the first picture of each prompt; the next ones for the others
    columns: int  # pictures of each prompt
    inference_steps: int | None  # of denoising; None is the pipeline's own


@dataclass(frozen=True, slots=True)
class SheetPicture:
    """One picture of a sheet."""

    prompt: str
    seed: int
    picture: Image.Image
    flagged: bool  # by screening, which may have replaced the pixels

    @property
    def rgb(self) -> Rgb:
        """Its pixels, (h, w, 3) uint8."""
        return np.asarray(self.picture.convert("RGB"))


@dataclass(frozen=True, slots=True)
class Sheet:
    """The pictures of one measurement, prompt by prompt."""

    step: int
    pictures: tuple[SheetPicture, ...]


Draw = Callable[[str, int, int], Iterable[tuple[Image.Image, bool]]]
"""Draws a prompt a number of times from a first seed; gives the pictures as they may be shown, and
whether screening flagged each."""


def draw_sheet(draw: Draw, plan: SheetPlan, step: int) -> Sheet:
    """Draw all pictures of a plan; the same weights give the same sheet.

    Parameters
    ----------
    draw : callable
    plan : SheetPlan
    step : int
        Of the training.
    """
    pictures = (
        SheetPicture(prompt, plan.seed + number, *drawn)
        for prompt in plan.prompts
        for number, drawn in enumerate(draw(prompt, plan.columns, plan.seed))
    )
    return Sheet(step, tuple(pictures))


def compose(sheet: Sheet) -> Image.Image:
    """Lay a sheet out: a line of pictures for each prompt, which stands above it."""
    prompts = list(dict.fromkeys(each.prompt for each in sheet.pictures))
    side = max(_CELL, *(each.picture.width for each in sheet.pictures))
    columns = len(sheet.pictures) // len(prompts)
    height = _LINE + side + _GAP
    page = Image.new("RGB", (columns * (side + _GAP) - _GAP, len(prompts) * height), "white")
    pen = ImageDraw.Draw(page)
    for number, each in enumerate(sheet.pictures):
        row, column = divmod(number, columns)
        if not column:
            text = f"step {sheet.step}: {each.prompt}"
            pen.text((2, row * height), text[: page.width // _LETTER], fill="black")
        scaled = each.picture.convert("RGB").resize((side, side), Image.Resampling.NEAREST)
        page.paste(scaled, (column * (side + _GAP), row * height + _LINE))
    return page
