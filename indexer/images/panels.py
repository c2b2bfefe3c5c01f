"""Panels of a large picture on a plain background, and an even grid."""

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from indexer.types import Rgb

_LEAST_SIDE: Final = 96
"""Pixels: what is smaller holds too little to compare, and lines of text are smaller."""
PLAIN: Final = 24
"""Grey levels by which a plain line may vary: JPEG leaves its traces around every edge."""
_LEAST_GUTTER: Final = 4  # plain lines side by side that part two panels
_DEEPEST: Final = 6  # cuts within cuts; a page has few, a crafted picture could have many
_NEARLY_WHOLE: Final = 0.9  # share of the picture from which a panel is no news


class Box(NamedTuple):
    """A rectangle in pixels."""

    left: int
    top: int
    width: int
    height: int

    @property
    def area(self) -> int:
        """Pixels in it."""
        return self.width * self.height

    @property
    def inside(self) -> tuple[slice, slice]:
        """Its rows and columns in an array of pixels."""
        return (
            slice(self.top, self.top + self.height),
            slice(self.left, self.left + self.width),
        )

    def scaled(self, x: float, y: float) -> "Box":
        """Return it in pixels of a picture that is x times as wide and y times as high."""
        return Box(
            round(self.left * x),
            round(self.top * y),
            max(1, round(self.width * x)),
            max(1, round(self.height * y)),
        )


def overlap(one: Box, other: Box) -> float:
    """Return the area that two boxes share over the area that they cover, 0 to 1."""
    width = min(one.left + one.width, other.left + other.width) - max(one.left, other.left)
    height = min(one.top + one.height, other.top + other.height) - max(one.top, other.top)
    shared = max(0, width) * max(0, height)
    return shared / (one.area + other.area - shared)


def grid(width: int, height: int, most: int) -> list[Box]:
    """Spread overlapping tiles evenly.

    A long picture gets squares of its shorter side, half of one over the next where there are
    enough of them. A squarer one gets tiles of half its sides: 3 by 3 that overlap by half, or
    the 4 quarters; they fit the cells of a 2 by 2 collage.

    Parameters
    ----------
    width, height : int
        Of the picture, in pixels.
    most : int
        Most boxes returned.
    """
    shorter, longer = min(width, height), max(width, height)
    if longer >= 2 * shorter:
        count = min(most, -(-2 * (longer - shorter) // shorter) + 1)  # each half over the next
        square = Box(0, 0, shorter, shorter)
        starts = _spread(longer - shorter, count)
        boxes = [
            square._replace(left=start) if width > height else square._replace(top=start)
            for start in starts
        ]
    else:
        each_way = 3 if most >= 9 else 2 if most >= 4 else 0  # noqa: PLR2004 -- their squares
        half = Box(0, 0, width // 2, height // 2)
        boxes = [
            half._replace(left=left, top=top)
            for top in _spread(height - half.height, each_way)
            for left in _spread(width - half.width, each_way)
        ]
    return [box for box in boxes if min(box.width, box.height) >= _LEAST_SIDE]


def panels(rgb: Rgb) -> list[Box]:
    """Find what stands out on the plain background of a page: an X-Y cut.

    The picture is cut along rows and columns of nothing but background, and each piece again,
    until none is left. What is too small to compare is dropped.

    Parameters
    ----------
    rgb : ndarray of shape (height, width, 3), uint8

    Returns
    -------
    list of Box
        Largest first; empty when there is no plain line, or all of it is one panel.
    """
    grey = np.asarray(Image.fromarray(rgb).convert("L"))
    background = _background(grey)
    if background is None:
        return []
    content = np.abs(grey.astype(np.int16) - background) > PLAIN
    height, width = grey.shape
    whole = Box(0, 0, width, height)
    found = [box for box in _cut(content, whole, _DEEPEST) if box.area < _NEARLY_WHOLE * whole.area]
    return sorted(found, key=lambda box: (-box.area, box.top, box.left))


def _spread(room: int, count: int) -> list[int]:
    """Return `count` evenly spaced numbers from 0 to `room`."""
    return [round(step * room / max(1, count - 1)) for step in range(count)]


def _background(grey: NDArray[np.uint8]) -> int | None:
    """Return the grey level, 0 to 255, that most plain rows and columns have; None without any."""
    levels = []
    for axis in (0, 1):
        low, high = grey.min(axis=axis), grey.max(axis=axis)
        plain = high - low <= PLAIN
        levels.append((low[plain].astype(np.int64) + high[plain]) // 2)
    found = np.concatenate(levels)
    return int(np.bincount(found).argmax()) if len(found) else None


def _cut(content: NDArray[np.bool_], box: Box, deepest: int) -> Iterator[Box]:
    """Yield the panels within a box; `content`, (height, width), is true off the background."""
    pieces = []
    for top, height in _runs(np.flatnonzero(content[box.inside].any(axis=1))):
        band = box._replace(top=box.top + top, height=height)
        for left, width in _runs(np.flatnonzero(content[band.inside].any(axis=0))):
            pieces.append(band._replace(left=box.left + left, width=width))
    if pieces == [box] or not deepest:
        yield from pieces
        return
    for piece in pieces:
        yield from _cut(content, piece, deepest - 1)


def _runs(busy: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Yield start and length of each long enough stretch of busy lines; narrow gaps are bridged."""
    if not len(busy):
        return
    ends = np.flatnonzero(np.diff(busy) > _LEAST_GUTTER)
    starts = busy[np.append(0, ends + 1)]
    stops = busy[np.append(ends, -1)] + 1
    for start, stop in zip(starts.tolist(), stops.tolist(), strict=True):
        if stop - start >= _LEAST_SIDE:
            yield start, stop - start
