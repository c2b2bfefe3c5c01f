"""Edits of one picture, by kind: styles, inpainted regions, image to image, classical ones."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from random import Random
from typing import Final

import numpy as np
from PIL import Image

from indexer.errors import InputError
from indexer.generation.styles import STYLES, parse_style, restyle, restyle_like
from indexer.model.training.augmentations.base import Edit

MakeEdit = Callable[[Image.Image], Image.Image]
"""Makes an edited copy of an RGB picture; the same each time."""
Pipeline = Callable[[Image.Image, float], Image.Image]
"""Makes a picture of another at a strength, from 0 to 1."""


class EditKind(StrEnum):
    """What an edit is made by."""

    STYLE = "style"
    """One of the 26 styles, blended with the original."""
    PAINTING = "painting"
    """The style of another picture."""
    INPAINT = "inpaint"
    """A region removed and filled in from around it (Telea 2004; Bertalmio et al. 2001)."""
    IMG2IMG = "img2img"
    """A diffusion pipeline, from image to image."""
    CLASSICAL = "classical"
    """Crops, turns, borders, captions and the like, as descriptors are trained on."""


DEFAULT_KINDS: Final = (EditKind.STYLE, EditKind.INPAINT, EditKind.CLASSICAL)
"""Those that need nothing but a picture."""
_NEEDED: Final = {
    EditKind.STYLE: "styles",
    EditKind.PAINTING: "paintings",
    EditKind.IMG2IMG: "a pipeline",
}
_REGIONS: Final = {  # left and top of the hole, as shares of what is left beside it
    "middle": (0.5, 0.5),
    "top-left": (0.0, 0.0),
    "bottom-right": (1.0, 1.0),
}
_HOLE: Final = 2 / 3  # of each side, at strength 1
_RADIUS: Final = 3  # pixels around a hole that the methods look at
_LEAST_SIDE: Final = 16  # pixels


@dataclass(frozen=True, slots=True)
class PictureEdit:
    """An edit of a picture that can be made again."""

    kind: EditKind
    name: str
    strength: float | None
    """Above 0, at most 1; None of a classical edit, which has none."""
    make: MakeEdit = field(repr=False, compare=False)

    @property
    def recipe(self) -> str:
        """How it is made, such as `style:great-wave@0.5`."""
        strength = "" if self.strength is None else f"@{self.strength:g}"
        return f"{self.kind.value}:{self.name}{strength}"


def parse_kinds(names: Sequence[str]) -> Sequence[EditKind]:
    """Return the kinds of these names; the default ones when there are none.

    Raises
    ------
    InputError
        There is no such kind.
    """
    if unknown := [name for name in names if name not in {*EditKind}]:
        raise InputError(
            f"There is no kind of edit {unknown[0]!r}. Choose from {', '.join(EditKind)}."
        )
    return [EditKind(name) for name in names] or DEFAULT_KINDS


def picture_edits(
    kinds: Collection[EditKind],
    strengths: Sequence[float],
    *,
    styles: Sequence[str] = STYLES,
    paintings: Sequence[tuple[str, Image.Image]] = (),
    pipelines: Sequence[tuple[str, Pipeline]] = (),
) -> list[PictureEdit]:
    """Return edits of some kinds, each at some strengths.

    Parameters
    ----------
    kinds : collection of EditKind
    strengths : sequence of float
        Above 0, at most 1. A style and a pipeline change more with it, a removed region is larger:
        two thirds of each side at 1, a third at one half.
    styles : sequence of str
        Those of kind style, by name or number.
    paintings : sequence of (str, Image)
        Pictures whose style is taken, with their names; of kind painting.
    pipelines : sequence of (str, callable)
        What is called with a picture and a strength, with its name; of kind img2img.

    Raises
    ------
    InputError
        No kind or strength is given, one is out of range, or a kind has nothing to work with.
    """
    if not kinds or not strengths:
        raise InputError("Give at least one kind of edit, and at least one strength.")
    if wrong := [each for each in strengths if not 0 < each <= 1]:
        raise InputError(f"A strength must be above 0 and at most 1, not {wrong[0]:g}.")
    made: dict[EditKind, Callable[[float], Iterable[PictureEdit]]] = {
        EditKind.INPAINT: _inpainted,
        EditKind.STYLE: lambda strength: [_styled(name, strength) for name in styles],
        EditKind.PAINTING: lambda strength: [_painted(*each, strength) for each in paintings],
        EditKind.IMG2IMG: lambda strength: [_generated(*each, strength) for each in pipelines],
    }
    edits = list(_classical()) if EditKind.CLASSICAL in kinds else []
    for kind in (kind for kind in made if kind in kinds):
        of_kind = [edit for strength in dict.fromkeys(strengths) for edit in made[kind](strength)]
        if not of_kind:
            raise InputError(f"Edits of kind {kind} need {_NEEDED[kind]}: give at least one.")
        edits += of_kind
    return edits


def inpaint(
    picture: Image.Image, *, region: str, strength: float, method: str = "telea"
) -> Image.Image:
    """Remove a region and fill it in from around it.

    Parameters
    ----------
    picture : Image
        RGB.
    region : str
        middle, top-left or bottom-right.
    strength : float
        Above 0, at most 1: the hole takes this share of two thirds of each side.
    method : str
        telea (fast marching, Telea 2004) or ns (fluid dynamics, Bertalmio et al. 2001).
    """
    from indexer.runtime.opencv import cv2

    rgb = np.asarray(picture)
    height, width = rgb.shape[:2]
    wide, high = max(1, round(width * _HOLE * strength)), max(1, round(height * _HOLE * strength))
    left, top = _REGIONS[region]
    x, y = round((width - wide) * left), round((height - high) * top)
    hole = np.zeros((height, width), np.uint8)
    hole[y : y + high, x : x + wide] = 1
    flag = {"telea": cv2.INPAINT_TELEA, "ns": cv2.INPAINT_NS}[method]
    return Image.fromarray(cv2.inpaint(rgb, hole, _RADIUS, flag))


def _inpainted(strength: float) -> Iterator[PictureEdit]:
    for region, method in zip(_REGIONS, ("telea", "ns", "telea"), strict=True):
        make = partial(inpaint, region=region, strength=strength, method=method)
        yield PictureEdit(EditKind.INPAINT, f"{region}-{method}", strength, make)


def _styled(name: str, strength: float) -> PictureEdit:
    number = parse_style(name)
    make = partial(restyle, style=number, strength=strength)
    return PictureEdit(EditKind.STYLE, STYLES[number], strength, make)


def _painted(name: str, painting: Image.Image, strength: float) -> PictureEdit:
    make = partial(restyle_like, painting=painting, strength=strength)
    return PictureEdit(EditKind.PAINTING, name, strength, make)


def _generated(name: str, pipeline: Pipeline, strength: float) -> PictureEdit:
    return PictureEdit(EditKind.IMG2IMG, name, strength, lambda p: pipeline(p, strength))


def _classical() -> Iterator[PictureEdit]:
    """Yield some augmentations, each from a seed of its own, so that it is the same each time."""
    from indexer.model.training.augmentations import (
        generative,
        geometric,
        layouts,
        overlays,
        photometric,
    )

    for augment in (
        geometric.crop,
        geometric.mirror,
        geometric.rotate,
        geometric.change_perspective,
        layouts.pad,
        layouts.caption,
        overlays.write,
        overlays.stick,
        photometric.grey,
        generative.stylise,
    ):
        name = augment.__name__.replace("_", "-")
        make = partial(_augmented, augment=augment, seed=name)
        yield PictureEdit(EditKind.CLASSICAL, name, None, make)


def _augmented(picture: Image.Image, augment: Edit, seed: str) -> Image.Image:
    edited = augment(picture, Random(seed), lambda: picture)  # noqa: S311 -- the same each time
    size = max(edited.width, _LEAST_SIDE), max(edited.height, _LEAST_SIDE)
    return edited if size == edited.size else edited.resize(size)
