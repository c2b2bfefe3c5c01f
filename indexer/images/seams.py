"""Seams: straight lines where one picture ends and another begins.

Across a seam the brightness changes from one pixel to the next, at the same pixel all along the
line, and the colours on its sides have little in common. Within a photo an edge is softer, less
straight or shorter.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from indexer.types import Rgb

_SIDE: Final = 512  # pixels of the longer side in which seams are looked for
MARGIN: Final = 2
"""Pixels at both ends of a row of which it cannot be told whether they are a seam."""
_STEP: Final = 16  # grey levels of a change
_SHARPNESS: Final = 2  # times the changes beside it
_SHADES: Final = 4  # of each colour, in which colours are counted

Grey = NDArray[np.uint8]
"""Brightness, (height, width)."""
Colours = NDArray[np.float64]
"""(64,): the share of each colour, of four shades of red, green and blue."""


def reduced(rgb: Rgb) -> tuple[Rgb, Grey]:
    """Return a picture at the size at which seams are looked for, and its brightness.

    Parameters
    ----------
    rgb : ndarray of shape (height, width, 3), uint8

    Returns
    -------
    ndarray of shape (h, w, 3), uint8; ndarray of shape (h, w), uint8
        No side is longer than before.
    """
    height, width = rgb.shape[:2]
    factor = min(1.0, _SIDE / max(height, width))
    size = max(1, round(width * factor)), max(1, round(height * factor))
    image = Image.fromarray(rgb)
    if factor < 1:
        image = image.resize(size, Image.Resampling.BOX)
    return np.asarray(image), np.asarray(image.convert("L"))


def changes(grey: Grey) -> NDArray[np.bool_]:
    """Tell where the brightness changes more sharply than beside it, along each row.

    Parameters
    ----------
    grey : ndarray of shape (h, w), uint8
        At least 5 pixels wide.

    Returns
    -------
    ndarray of shape (h, w - 2 * MARGIN), bool
        Column i is about pixel i + MARGIN. Where the change lies between two pixels, it is at both.
    """
    levels = grey.astype(np.int16)
    steps = np.abs(levels[:, 1:] - levels[:, :-1])
    jumps = np.abs(levels[:, 3:-1] - levels[:, 1:-3])
    beside = np.maximum(steps[:, :-3], steps[:, 3:])
    sharp: NDArray[np.bool_] = (jumps > _STEP) & (jumps > _SHARPNESS * beside)
    return sharp


def colours(rgb: Rgb) -> Colours:
    """Return the share of each of 64 colours; of a picture without pixels, none."""
    red, green, blue = np.moveaxis(rgb.reshape(-1, 3) // (256 // _SHADES), 1, 0)
    counts = np.bincount((red * _SHADES + green) * _SHADES + blue, minlength=_SHADES**3)
    shares: Colours = counts / max(1, counts.sum())
    return shares


def in_common(one: Colours, other: Colours) -> float:
    """Return the share of colours that two pictures have in common, 0 to 1.

    The intersection of histograms (Swain and Ballard 1991).
    """
    return float(np.minimum(one, other).sum())
