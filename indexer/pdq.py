"""PDQ of pixels as they are: pdqhash, entered where it does the least besides hashing.

`pdqhash.compute` turns a picture to brightness, hashes it and makes a list of bits, all while it
holds Python's lock. The function that hashes is C++ and in its library by name: called there it
takes brightness that is ready, and other threads run meanwhile. Where a build of pdqhash does not
show it, or it does not answer as `compute` does, `compute` is called.
"""

import ctypes
from collections.abc import Callable
from functools import cache
from typing import Any, Final

import numpy as np
import pdqhash
from numpy.typing import NDArray
from pdqhash import bindings

from indexer.types import Rgb

Pixels = NDArray[Any]
"""What is hashed: brightness (h, w) float32, or (h, w, 3) uint8 where `compute` is called."""
Hashed = tuple[NDArray[np.uint8], int]
"""(32,) uint8 in the order of PDQ's hex notation, and the quality, 0 to 100."""

_FUNCTION: Final = (  # pdqHash256FromFloatLuma; the name states what it takes
    "_ZN8facebook3pdq7hashing23pdqHash256FromFloatLumaEPfS2_iiPA64_fS4_PA16_fRNS1_7Hash256ERi"
)
_FLOAT: Final = 4  # bytes
_IMAGE, _HALF, _DCT = 64 * 64, 16 * 64, 16 * 16  # floats that the function works in


def pixels_of(rgb: Rgb) -> Pixels:
    """Return what `hash_pixels` takes of a picture, (h, w, 3) uint8."""
    return rgb if _hasher() is None else _brightness(rgb)


def hash_pixels(pixels: Pixels) -> Hashed:
    """Hash what `pixels_of` returned, turned or not; safe to call from several threads."""
    return (_hasher() or _compute)(pixels)


def _brightness(rgb: Rgb) -> Pixels:
    """Return the brightness, (h, w) float32, by the very arithmetic of `compute`."""
    red, green, blue = np.moveaxis(rgb, 2, 0)
    brightness: Pixels = (red * 0.299 + green * 0.587 + blue * 0.114).astype(np.float32)
    return brightness


def _compute(rgb: Pixels) -> Hashed:
    # it walks memory row by row and gives garbage for a turned view: hand it a copy
    vector, quality = pdqhash.compute(np.ascontiguousarray(rgb))
    return np.packbits(vector), int(quality)


@cache
def _hasher() -> Callable[[Pixels], Hashed] | None:
    """Return what hashes brightness, (h, w) float32, if this build of pdqhash has it."""
    try:
        function = ctypes.CDLL(bindings.__file__)[_FUNCTION]
    except (AttributeError, OSError):
        return None
    pointer, number = ctypes.c_void_p, ctypes.c_int
    function.argtypes = [pointer, pointer, number, number, *[pointer] * 5]
    function.restype = None

    def hash_brightness(brightness: Pixels) -> Hashed:
        work = np.array(brightness, np.float32, order="C")  # a copy, which is blurred in place
        rest = np.empty(work.size + _IMAGE + _HALF + _DCT, np.float32)
        image = rest.ctypes.data + _FLOAT * work.size
        half = image + _FLOAT * _IMAGE
        words, quality = np.empty(16, np.uint16), number()
        function(
            work.ctypes.data,
            rest.ctypes.data,
            *work.shape,
            image,
            half,
            half + _FLOAT * _HALF,
            words.ctypes.data,
            ctypes.addressof(quality),
        )
        return words[::-1].astype(">u2").view(np.uint8), quality.value

    sample = np.random.default_rng(0).integers(0, 256, (96, 80, 3), np.uint8)
    ours, theirs = hash_brightness(_brightness(sample)), _compute(sample)
    return hash_brightness if np.array_equal(ours[0], theirs[0]) and ours[1] == theirs[1] else None
