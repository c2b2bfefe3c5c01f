"""Collages: pictures side by side in a grid, told apart by their seams."""

from itertools import combinations, pairwise, product
from typing import Final

import numpy as np

from indexer.images.panels import Box
from indexer.images.seams import MARGIN, Grey, changes, colours, in_common, reduced
from indexer.types import Rgb

_LEAST_SIDE: Final = 64  # pixels of the shorter side, of which no cell of three would be left
_NEAR: Final = 0.03  # of a side: how far a seam may be from a half, or from a third, of it
_SEAM: Final = 0.55  # share of its length that changes sharply, if all seams run one way
_CROSSING: Final = 0.35  # the same where seams run both ways
_THIRDS: Final = 0.8  # how clear seams at the thirds must be beside one at the half
_ALIKE: Final = 0.65
"""Share of colours that cells have in common, on average, from which they are one picture's: the
lines of a wall of bricks."""
_SPARSE: Final = 4  # of so many pixels each way, the colour of one is counted


def cells(rgb: Rgb) -> list[Box]:
    """Find the pictures of a collage: a grid of 2 to 9, with or without gaps.

    Parameters
    ----------
    rgb : ndarray of shape (height, width, 3), uint8

    Returns
    -------
    list of Box
        Row by row. Together they cover the picture, gaps included. Empty for what is no collage.
    """
    height, width = rgb.shape[:2]
    if min(height, width) < _LEAST_SIDE:
        return []
    picture, grey = reduced(rgb)
    if min(grey.shape) < _LEAST_SIDE // 2:
        return []
    columns, rows = _seams(grey), _seams(grey.T)
    across, down = _choose(columns, _CROSSING), _choose(rows, _CROSSING)
    if not (across and down):
        across, down = _choose(columns, _SEAM), _choose(rows, _SEAM)
    grid = _boxes([0, *across, grey.shape[1]], [0, *down, grey.shape[0]])
    if len(grid) == 1 or _likeness(picture, grid) > _ALIKE:
        return []
    return _boxes(
        [0, *(round(place * width / grey.shape[1]) for place in across), width],
        [0, *(round(place * height / grey.shape[0]) for place in down), height],
    )


def _seams(grey: Grey) -> dict[int, list[tuple[float, int]]]:
    """Return the likeliest upright seams between 2 and between 3 columns: how sharp, and where."""
    return {
        count: [_clearest(grey, number / count) for number in range(1, count)] for count in (2, 3)
    }


def _clearest(grey: Grey, share: float) -> tuple[float, int]:
    """Return how much of its length is sharp of the likeliest seam near a share of the width."""
    width = grey.shape[1]
    first, last = round((share - _NEAR) * width), round((share + _NEAR) * width) + 1
    lines = changes(grey[:, first - MARGIN : last + MARGIN]).mean(axis=0)
    return float(lines.max()), first + int(lines.argmax())


def _choose(seams: dict[int, list[tuple[float, int]]], least: float) -> list[int]:
    """Return the places of two seams, of one, or of none, that are clear enough."""
    half, thirds = (min(seams[count])[0] for count in (2, 3))
    if thirds >= max(least, _THIRDS * half):
        return [place for _, place in seams[3]]
    return [place for _, place in seams[2]] if half >= least else []


def _boxes(columns: list[int], rows: list[int]) -> list[Box]:
    """Return the cells between lines that cross, row by row."""
    return [
        Box(left, top, right - left, bottom - top)
        for (top, bottom), (left, right) in product(pairwise(rows), pairwise(columns))
    ]


def _likeness(picture: Rgb, grid: list[Box]) -> float:
    """Return the share of colours that two cells have in common, on average."""
    shown = [colours(picture[box.inside][::_SPARSE, ::_SPARSE]) for box in grid]
    return float(np.mean([in_common(*pair) for pair in combinations(shown, 2)]))
