"""Insets: images pasted into another image, detected by their straight edges.

A photo pasted onto a background, into a page or under a caption begins and ends in four straight
lines. Cut out along them it is the photo again, which even PDQ can match. Buildings and rooms have
such rectangles, too, but few whose sides are seams.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from indexer.images.panels import Box, overlap
from indexer.images.seams import MARGIN, Grey, changes, colours, in_common, reduced
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
_TRIED: Final = 6  # most rectangles whose sides are looked at closely
_SEAMLESS: Final = 0.3  # below, the sides are no seams: `_seam`, 0 to 1
_REACH: Final = 8  # pixels within which a side's seam is looked for, where seams are
_BAND: Final = 30  # pixels on each side of it whose colours are compared
_SAMPLES: Final = 64  # lines across a side that are looked at for colours

Edges = NDArray[np.bool_]
"""(lines, length): where each line between two rows or columns of pixels is an edge."""
Counts = NDArray[np.int16]
"""Pixels along a line, of which there are no more than `_SIDE`."""


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
    upright, level = _edges(small.transpose(2, 1, 0)), _edges(small.transpose(2, 0, 1))
    tried: list[Box] = []
    for box in _rectangles(upright, level):
        if all(overlap(box, other) < _SAME_PLACE for other in tried):
            tried.append(box)
        if len(tried) == _TRIED:
            break
    if not tried:
        return []
    picture, grey = reduced(rgb)
    scale = picture.shape[1] / size[0], picture.shape[0] / size[1]
    clear = (box for box in tried if _seam(picture, grey, _enlarged(box, *scale)) >= _SEAMLESS)
    return [_enlarged(box, width / size[0], height / size[1]) for box in islice(clear, most)]


def _seam(picture: Rgb, grey: Grey, box: Box) -> float:
    """Return how far the sides of a box are seams, 0 to 1; the picture's own sides are left out.

    It is the share of the sides along which the brightness changes sharply, times the share of the
    colours inside that are not outside.
    """
    rows, columns = (box.top, box.top + box.height), (box.left, box.left + box.width)
    lying, lying_grey = picture.transpose(1, 0, 2), grey.T
    sides = [_side(picture, grey, place, rows) for place in columns]
    sides += [_side(lying, lying_grey, place, columns) for place in rows]
    found = [side for side in sides if side is not None]
    if not found:
        return 0.0
    sharp, common = np.mean(found, axis=0)
    return float(sharp * (1 - common))


def _side(
    picture: Rgb, grey: Grey, place: int, rows: tuple[int, int]
) -> tuple[float, float] | None:
    """Return the share of an upright side that is sharp, and of colours common to both its sides.

    None for a side of the picture itself.
    """
    width = grey.shape[1]
    if not MARGIN < place < width - MARGIN:
        return None
    within = slice(*rows)
    first, last = max(MARGIN, place - _REACH), min(width - MARGIN, place + _REACH + 1)
    shares = changes(grey[within, first - MARGIN : last + MARGIN]).mean(axis=0)
    found = first + int(shares.argmax())
    lines = picture[within][:: max(1, (rows[1] - rows[0]) // _SAMPLES)]
    before, after = lines[:, max(0, found - _BAND) : found - 1], lines[:, found + 2 : found + _BAND]
    return float(shares.max()), in_common(colours(before), colours(after))


def _edges(colours: NDArray[np.int16]) -> Edges:
    """Return where neighbours along the second axis of (3, lines, length) differ by any colour."""
    red, green, blue = np.abs(np.diff(colours, axis=1)) > _STEP
    edges: Edges = red | green | blue
    return edges


def _rectangles(upright: Edges, level: Edges) -> Iterator[Box]:
    """Yield the rectangles of a reduced picture, the clearest first; ties as boxes are ordered."""
    height, width = upright.shape[1], level.shape[1]
    columns, rows = _lines(upright, width), _lines(level, height)
    left, right = np.triu_indices(len(columns), 1)
    top, bottom = np.triu_indices(len(rows), 1)
    beside = _covered(upright, columns, rows[top], rows[bottom])
    above = _covered(level, rows, columns[left], columns[right])
    # one row for each pair of columns, one column for each pair of rows, from here on
    sides = np.stack([beside[left], beside[right], above[top].T, above[bottom].T])
    own = np.isnan(sides)  # the picture's own sides, of which no edge is asked
    count = 4 - own.sum(axis=0)
    wide, high = (columns[right] - columns[left])[:, np.newaxis], rows[bottom] - rows[top]
    share = wide * high / (width * height)
    found = (wide >= _LEAST_SIDE * width) & (high >= _LEAST_SIDE * height) & (share <= _LARGEST)
    found &= (count > 1) & (np.where(own, 1, sides).min(axis=0) >= _COVERED)
    mean = np.where(own, 0, sides).sum(axis=0) / np.maximum(count, 1)
    clear = mean + _SIDES_COUNT * count + _AREA_COUNTS * share
    across, down = np.nonzero(found)
    places = columns[left[across]], rows[top[down]], wide[across, 0], high[down]
    order = np.lexsort((*places[::-1], clear[found]))[::-1]  # by its last key first
    yield from map(Box._make, np.stack(places, axis=1)[order].tolist())


def _lines(edges: Edges, end: int) -> NDArray[np.int64]:
    """Return 0, the places of the lines with the longest unbroken edges, and `end`, ascending.

    Line i of `edges` lies between pixels i and i + 1, at place i + 1.
    """
    lengths = _longest_runs(edges)
    least = _LEAST_LINE * edges.shape[1]
    places: list[int] = []
    while len(places) < _LINES and lengths.size and lengths.max() >= least:
        line = int(lengths.argmax())
        places.append(line + 1)
        lengths[max(0, line - _NEAR) : line + _NEAR + 1] = 0
    return np.array([0, *sorted(places), end])


def _longest_runs(edges: Edges) -> Counts:
    """Return the edge pixels in each line's longest run; a gap of one pixel is bridged."""
    until = edges.cumsum(axis=1, dtype=np.int16)
    broken = np.zeros_like(edges)
    broken[:, 1:] = ~(edges[:, 1:] | edges[:, :-1])
    before = np.maximum.accumulate(np.where(broken, until, np.int16(0)), axis=1)  # the last break
    longest: Counts = (until - before).max(axis=1)
    return longest


def _covered(
    edges: Edges, places: NDArray[np.int64], starts: NDArray[np.int64], stops: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the share of each stretch that is edge, of the best of the lines at each place.

    Of the first and the last place, which are the picture's own sides, it is NaN.
    """
    until = np.pad(edges.cumsum(axis=1, dtype=np.int16), ((0, 0), (1, 0)))
    covered = np.full((len(places), len(starts)), np.nan)
    for row, place in enumerate(places[1:-1], start=1):
        lines = until[max(0, place - _NEAR) : place + 1]
        covered[row] = (lines[:, stops] - lines[:, starts]).max(axis=0) / (stops - starts)
    return covered


def _enlarged(box: Box, x: float, y: float) -> Box:
    """Return the box in pixels x times as wide and y times as high."""
    left, top = round(box.left * x), round(box.top * y)
    right, bottom = round((box.left + box.width) * x), round((box.top + box.height) * y)
    return Box(left, top, right - left, bottom - top)
