"""Pictures laid into another picture, found by their straight edges.

A photo pasted onto a background, into a page or under a caption begins and ends in four straight
lines. Cut out along them it is the photo again, which even PDQ can match.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from indexer.layout import Box, overlap
from indexer.types import Rgb

_SIDE: Final = 192  # pixels of the longer side in which edges are looked for
_STEP: Final = 20  # levels of any colour by which neighbours differ across an edge
_LINES: Final = 10  # most lines looked at in each direction
_LEAST_LINE: Final = 0.15  # of a line, over the picture's side
_LEAST_SIDE: Final = 0.18  # of an inset, over the picture's
_LARGEST: Final = 0.92  # share of the picture from which an inset is no news
_COVERED: Final = 0.62  # share of a side that must be an edge; content hides some of it
_SAME_PLACE: Final = 0.7  # share of two boxes that they have in common, from which one is enough
_NEAR: Final = 2  # pixels within which lines are one
_SIDES_COUNT: Final = 0.1  # what a found side is worth beside the share that is edge
_AREA_COUNTS: Final = 0.2  # what the share of the picture is worth

Edges = NDArray[np.bool_]
"""(lines, length): where each line between two rows or columns of pixels is an edge."""


def insets(rgb: Rgb, most: int = 2) -> list[Box]:
    """Find rectangles whose sides are edges, or the picture's own sides.

    Parameters
    ----------
    rgb : ndarray of shape (height, width, 3), uint8
    most : int
        Most boxes returned.

    Returns
    -------
    list of Box
        The clearest first, none nearly the same as another; empty where there are none.
    """
    height, width = rgb.shape[:2]
    factor = min(1.0, _SIDE / max(height, width))
    size = max(8, int(width * factor)), max(8, int(height * factor))
    small = np.asarray(Image.fromarray(rgb).resize(size, Image.Resampling.BOX), np.int16)
    upright = (np.abs(np.diff(small, axis=1)).max(axis=2) > _STEP).T
    level = np.abs(np.diff(small, axis=0)).max(axis=2) > _STEP
    found: list[Box] = []
    for _, box in sorted(_rectangles(upright, level), reverse=True):
        if all(overlap(box, other) < _SAME_PLACE for other in found):
            found.append(box)
        if len(found) == most:
            break
    return [_enlarged(box, width / size[0], height / size[1]) for box in found]


def _rectangles(upright: Edges, level: Edges) -> Iterator[tuple[float, Box]]:
    """Yield the rectangles of a reduced picture, with how clear each is."""
    height, width = upright.shape[1], level.shape[1]
    columns, rows = _lines(upright), _lines(level)
    before_columns, before_rows = _cumulated(upright), _cumulated(level)
    for left, right in combinations((0, *columns, width), 2):
        if right - left < _LEAST_SIDE * width:
            continue
        for top, bottom in combinations((0, *rows, height), 2):
            box = Box(left, top, right - left, bottom - top)
            share = box.area / (width * height)
            if box.height < _LEAST_SIDE * height or share > _LARGEST:
                continue
            sides = [_covered(before_columns, x, top, bottom) for x in (left, right) if x % width]
            sides += [_covered(before_rows, y, left, right) for y in (top, bottom) if y % height]
            if len(sides) > 1 and min(sides) >= _COVERED:
                clear = sum(sides) / len(sides) + _SIDES_COUNT * len(sides) + _AREA_COUNTS * share
                yield clear, box


def _lines(edges: Edges) -> Sequence[int]:
    """Return the places of the lines with the longest unbroken edges, ascending.

    Line i of `edges` lies between pixels i and i + 1, at place i + 1.
    """
    lengths = _longest_runs(edges)
    least = _LEAST_LINE * edges.shape[1]
    places: list[int] = []
    while len(places) < _LINES and lengths.size and lengths.max() >= least:
        line = int(lengths.argmax())
        places.append(line + 1)
        lengths[max(0, line - _NEAR) : line + _NEAR + 1] = 0
    return sorted(places)


def _longest_runs(edges: Edges) -> NDArray[np.int64]:
    """Return the edge pixels in each line's longest run; a gap of one pixel is bridged."""
    longest = np.zeros(len(edges), np.int64)
    run, gap = longest.copy(), longest.copy()
    for is_edge in edges.T:
        gap = np.where(is_edge, 0, gap + 1)
        run = np.where(is_edge, run + 1, np.where(gap > 1, 0, run))
        longest = np.maximum(longest, run)
    return longest


def _cumulated(edges: Edges) -> NDArray[np.int64]:
    """Return (lines, length + 1): the edge pixels of each line before a place."""
    return np.pad(edges.cumsum(axis=1), ((0, 0), (1, 0)))


def _covered(before: NDArray[np.int64], place: int, start: int, stop: int) -> float:
    """Return the share of a stretch that is edge, of the best of the lines at a place."""
    lines = before[max(0, place - _NEAR) : place + 1]
    return float((lines[:, stop] - lines[:, start]).max() / (stop - start))


def _enlarged(box: Box, x: float, y: float) -> Box:
    """Return the box in pixels x times as wide and y times as high."""
    left, top = round(box.left * x), round(box.top * y)
    right, bottom = round((box.left + box.width) * x), round((box.top + box.height) * y)
    return Box(left, top, right - left, bottom - top)
