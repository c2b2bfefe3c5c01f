"""Crops of a picture: without its border, its insets or cells, its middle and corners.

A copy inside padding, a letterbox, a caption bar or a screenshot is far from its original by both
signals; cut out again it is near. Queries are cut, and so are stored images: a screenshot is stored
with the photo that it shows.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from indexer.images.collages import cells
from indexer.images.insets import insets
from indexer.images.panels import PLAIN, Box, overlap, panels
from indexer.runtime.timing import timed
from indexer.settings import QueryViews
from indexer.types import Part, PartKind, Rgb

_DETAIL: Final = 1024  # pixels of the shorter side in which a border is looked for
_LEAST_SIDE: Final = 32  # pixels that a border, or a cut, may leave
_NO_NEWS: Final = 0.98
"""Share of the picture that is as good as all of it: PDQ does not mind a loss that small."""
_SAME_PLACE: Final = 0.85  # share of two boxes in common from which they are the same cut
_MAIN: Final = 0.1  # share of a page from which a panel may be the picture that it is about
_SHARE: Final = 0.6  # side of a further cut, over the picture's


@timed("cut")
def crops(
    rgb: Rgb, views: QueryViews, full_size: tuple[int, int] | None = None
) -> list[tuple[Part, Rgb]]:
    """Cut a picture as the settings want it.

    Parameters
    ----------
    rgb : ndarray of shape (height, width, 3), uint8
        The upright picture, or a reduction of it.
    views : QueryViews
        `none`; `trim` for what a border leaves, if there is one; `insets` for pictures laid into
        this one as well, or for those of a collage; `crops` for the middle and the corners of the
        first or the whole, too.
    full_size : (int, int), optional
        Width and height of the picture when `rgb` is a reduction.

    Returns
    -------
    list of (Part, ndarray of shape (h, w, 3), uint8)
        Parts of kind crop, with their box in pixels of the full size; views of `rgb`.
    """
    if views == "none":
        return []
    height, width = rgb.shape[:2]
    full_width, full_height = full_size or (width, height)
    within = contents(rgb)[-1:]  # what the cuts before it find, it finds too
    boxes = list(within)
    if views != "trim":
        boxes += [box for box in _collage(rgb, within) or insets(rgb) if _is_news(box, within)]
    if views == "crops":
        boxes += _further(within[0] if within else Box(0, 0, width, height))
    return [
        (
            Part(PartKind.CROP, number, box.scaled(full_width / width, full_height / height)),
            rgb[box.inside],
        )
        for number, box in enumerate(boxes)
    ]


def contents(rgb: Rgb) -> list[Box]:
    """Find the picture within a border: padding, letterbox, caption bar, screenshot.

    First the plain lines at the edges are taken off. Of what is left the largest panel is cut out
    when it is more than all others together (a collage stays whole: see `cells`); then its own
    border is taken off. What is inside may be part of the picture, so that each of these steps
    counts.

    Parameters
    ----------
    rgb : ndarray of shape (height, width, 3), uint8

    Returns
    -------
    list of Box
        From 0 to 3, each within the one before; none for a picture without a border. The last one
        is the picture that is left.
    """
    step = max(1, min(rgb.shape[:2]) // _DETAIL)
    reduced = rgb[::step, ::step]
    box = Box(0, 0, reduced.shape[1], reduced.shape[0])
    found = []
    for cut in (_without_border, _main_panel, _without_border):
        inner = cut(reduced, box)
        if min(inner.width, inner.height) * step < _LEAST_SIDE:
            break
        if inner.area < _NO_NEWS * box.area:
            box = inner
            found.append(box)
    return [_enlarged(box, step, rgb) for box in found]


def _collage(rgb: Rgb, within: Sequence[Box]) -> list[Box]:
    """Return the cells of a collage, or of one within a border, each without the gaps around it."""
    for outer in (Box(0, 0, rgb.shape[1], rgb.shape[0]), *within):
        found = [
            _without_border(
                rgb, cell._replace(left=outer.left + cell.left, top=outer.top + cell.top)
            )
            for cell in cells(rgb[outer.inside])
        ]
        if found:
            return [box for box in found if min(box.width, box.height) >= _LEAST_SIDE]
    return []


def _is_news(box: Box, others: Sequence[Box]) -> bool:
    return all(overlap(box, other) < _SAME_PLACE for other in others)


def _further(box: Box) -> list[Box]:
    """Return the middle and the four corners of a box."""
    width, height = round(box.width * _SHARE), round(box.height * _SHARE)
    if min(width, height) < _LEAST_SIDE:
        return []
    right, below = box.width - width, box.height - height
    places = [(right // 2, below // 2), (0, 0), (right, 0), (0, below), (right, below)]
    return [Box(box.left + left, box.top + top, width, height) for left, top in places]


def _main_panel(rgb: Rgb, box: Box) -> Box:
    """Return the panel that a box of a picture is about, or the box itself."""
    largest, *others = [*panels(rgb[box.inside]), Box(0, 0, 0, 0)]
    if largest.area <= max(_MAIN * box.area, sum(other.area for other in others)):
        return box
    return largest._replace(left=box.left + largest.left, top=box.top + largest.top)


def _without_border(rgb: Rgb, box: Box) -> Box:
    """Take the plain lines at its edges off a box of a picture; nothing may be left."""
    grey = np.asarray(Image.fromarray(rgb[box.inside]).convert("L"))
    top, height = _busy(grey, axis=1)
    left, width = _busy(grey[top : top + height], axis=0)
    return Box(box.left + left, box.top + top, width, height)


def _enlarged(box: Box, step: int, rgb: Rgb) -> Box:
    """Return a box of every `step`-th pixel in all pixels of a picture."""
    height, width = rgb.shape[:2]
    left, top = box.left * step, box.top * step
    return Box(left, top, min(box.width * step, width - left), min(box.height * step, height - top))


def _busy(grey: NDArray[np.uint8], axis: int) -> tuple[int, int]:
    """Return start and length of the lines between the plain ones at both edges; 0, 0 for none."""
    if not grey.size:
        return 0, 0
    low, high = grey.min(axis=axis).astype(np.int16), grey.max(axis=axis).astype(np.int16)
    levels, plain = (low + high) // 2, high - low <= PLAIN
    before, after = _border(levels, plain), _border(levels[::-1], plain[::-1])
    length = len(levels) - before - after
    return (before, length) if length > 0 else (0, 0)


def _border(levels: NDArray[np.int16], plain: NDArray[np.bool_]) -> int:
    """Count the plain lines at the beginning that are as bright as the first."""
    inside = ~plain | (np.abs(levels - levels[0]) > PLAIN)
    return int(inside.argmax()) if inside.any() else len(inside)
