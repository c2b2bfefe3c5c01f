"""Augmentations: random edits as of copies on the web."""

from collections.abc import Callable
from random import Random
from typing import Final

from PIL import Image

from indexer.model.training.augmentations import (
    generative,
    geometric,
    layouts,
    overlays,
    photometric,
    screens,
)
from indexer.model.training.augmentations.base import Edit

__all__ = ["edit"]

_WEIGHTS: Final[dict[Edit, float]] = {  # how often; what is hard comes oftener
    geometric.crop: 4,
    geometric.rotate: 3.5,
    geometric.turn: 1.5,
    geometric.mirror: 1.2,
    geometric.crop_mirrored: 1,
    geometric.change_perspective: 1.5,
    geometric.stretch: 0.7,
    geometric.shear: 0.6,
    layouts.paste_onto: 3.2,
    layouts.pad: 2.5,
    layouts.show_on_screen: 1,
    layouts.caption: 1.7,
    layouts.collage: 3,
    screens.show_in_app: 3,
    overlays.cover: 1.2,
    overlays.stick: 1.2,
    overlays.write: 1.2,
    overlays.rule: 0.3,
    photometric.recolour: 1.4,
    photometric.blur: 1.3,
    photometric.noise: 1.3,
    photometric.compress: 1,
    photometric.shrink: 0.7,
    photometric.retone: 0.7,
    photometric.grey: 0.6,
    photometric.pixelate: 0.5,
    generative.stylise: 2,
    generative.inpaint: 1,
}
_SURROUNDING: Final = {
    layouts.paste_onto,
    layouts.show_on_screen,
    layouts.collage,
    screens.show_in_app,
}
"""Of these at most one: after two the picture is too small to be seen."""
_COUNTS: Final = (0.38, 0.27, 0.19, 0.11, 0.05)  # how often one, two, three, four and five edits
_LONGEST_SIDE: Final = 640  # px; the picture grows with some edits
_LEAST_SIDE: Final = 16


def edit(picture: Image.Image, random: Random, other: Callable[[], Image.Image]) -> Image.Image:
    """Apply one to five edits, one after another.

    Parameters
    ----------
    picture : Image
        RGB; a few hundred pixels are enough. It is not changed.
    random : Random
        The same state gives the same result.
    other : callable
        Gives some other RGB picture, for backgrounds and collages.
    """
    for change in _choose(random):
        picture = _within_bounds(change(picture, random, other))
    return picture


def _choose(random: Random) -> list[Edit]:
    (count,) = random.choices(range(1, len(_COUNTS) + 1), _COUNTS)
    kinds, weights = list(_WEIGHTS), list(_WEIGHTS.values())
    chosen: list[Edit] = []
    while len(chosen) < count:
        (kind,) = random.choices(kinds, weights)
        crowded = kind in _SURROUNDING and not _SURROUNDING.isdisjoint(chosen)
        if kind not in chosen and not crowded:
            chosen.append(kind)
    return chosen


def _within_bounds(picture: Image.Image) -> Image.Image:
    """Shrink what grew and enlarge what nearly vanished."""
    width, height = picture.size
    factor = min(1.0, _LONGEST_SIDE / max(width, height))
    size = max(_LEAST_SIDE, int(width * factor)), max(_LEAST_SIDE, int(height * factor))
    return picture if size == (width, height) else picture.resize(size)
