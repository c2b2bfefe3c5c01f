"""Generative augmentations: painted styles, and regions removed and filled in."""

from random import Random
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from indexer.model.training.augmentations.base import chance
from indexer.runtime.opencv import cv2

_SIDE: Final = 288  # px; these filters take long, and the network sees no more


def stylise(picture: Image.Image, random: Random, _other: Any) -> Image.Image:
    """Make the picture look painted, drawn or printed, at full strength or blended."""
    small = _reduced(picture)
    kind = random.choice([_paint, _draw, _smooth, _cartoon, _print])
    styled = Image.fromarray(kind(np.asarray(small), random))
    if chance(random, 0.4):
        return Image.blend(small, styled, random.uniform(0.4, 0.8))
    return styled


def inpaint(picture: Image.Image, random: Random, _other: Any) -> Image.Image:
    """Remove one to three regions and fill them from around.

    By fast marching (Telea 2004) or fluid dynamics (Bertalmio et al. 2001), as OpenCV has them.
    """
    pixels = np.asarray(_reduced(picture))
    height, width = pixels.shape[:2]
    mask = np.zeros((height, width), np.uint8)
    for _ in range(random.randint(1, 3)):
        middle = random.randrange(width), random.randrange(height)
        axes = (
            max(3, int(width * random.uniform(0.05, 0.22))),
            max(3, int(height * random.uniform(0.05, 0.22))),
        )
        if chance(random, 0.5):
            cv2.ellipse(mask, middle, axes, random.uniform(0, 180), 0, 360, 255, -1)
        else:
            (x, y), (wide, high) = middle, axes
            mask[max(0, y - high) : y + high, max(0, x - wide) : x + wide] = 255
    mask[0, 0] = 0  # something must be left to fill from
    method = random.choice([cv2.INPAINT_TELEA, cv2.INPAINT_NS])
    return Image.fromarray(_rgb(cv2.inpaint(pixels, mask, 3, method)))


def _paint(pixels: NDArray[np.uint8], random: Random) -> NDArray[np.uint8]:
    """Paint in watercolour (Gastal and Oliveira 2011)."""
    return _rgb(
        cv2.stylization(pixels, sigma_s=random.uniform(20, 80), sigma_r=random.uniform(0.25, 0.7))
    )


def _draw(pixels: NDArray[np.uint8], random: Random) -> NDArray[np.uint8]:
    """Draw with a pencil, in black or in colour (likewise)."""
    grey, colour = cv2.pencilSketch(
        pixels, sigma_s=60, sigma_r=0.07, shade_factor=random.uniform(0.02, 0.06)
    )
    return _rgb(colour) if chance(random, 0.6) else _rgb(cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB))


def _smooth(pixels: NDArray[np.uint8], random: Random) -> NDArray[np.uint8]:
    """Flatten areas between edges that stay (likewise)."""
    smooth = cv2.edgePreservingFilter(
        pixels, flags=random.choice([1, 2]), sigma_s=60, sigma_r=random.uniform(0.3, 0.7)
    )
    return _rgb(smooth)


def _cartoon(pixels: NDArray[np.uint8], random: Random) -> NDArray[np.uint8]:
    """Flatten colours and outline them in black."""
    flat = pixels
    for _ in range(2):
        flat = _rgb(cv2.bilateralFilter(flat, 9, 60, 7))
    step = random.choice([24, 32, 48])
    flat = _rgb(flat // step * step + step // 2)
    grey = cv2.medianBlur(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), 5)
    lines = cv2.adaptiveThreshold(
        grey, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY, 9, random.randint(3, 7)
    )
    return _rgb(flat * (lines[..., np.newaxis] > 0))


def _print(pixels: NDArray[np.uint8], random: Random) -> NDArray[np.uint8]:
    """Print in a few colours, one for each range of brightness."""
    count = random.randint(3, 7)
    source = np.random.default_rng(random.getrandbits(32))
    palette = source.integers(0, 256, (count, 3))
    if chance(random, 0.7):  # dark stays dark
        palette = palette[np.argsort(palette.sum(axis=1))]
    grey = cv2.cvtColor(cv2.medianBlur(pixels, 5), cv2.COLOR_RGB2GRAY)
    return _rgb(palette[grey.astype(np.int64) * count // 256])


def _reduced(picture: Image.Image) -> Image.Image:
    small = picture.copy()
    small.thumbnail((_SIDE, _SIDE))
    return small


def _rgb(values: Any) -> NDArray[np.uint8]:
    pixels: NDArray[np.uint8] = np.asarray(values).astype(np.uint8)
    return pixels
