"""PDQ hashes of a picture, as it is and in all eight orientations.

`pdqhash.compute` turns a picture to brightness, hashes it and makes a list of bits, all while it
holds Python's lock. The functions that blur and hash are C++ and in its library by name: called
there they take brightness that is ready, other threads run meanwhile, and one blur serves all
orientations, whose hashes are a few matrix products then. Where a build of pdqhash does not show
the functions, or they do not answer as `compute` does, `compute` is called for each.
"""

import ctypes
from collections.abc import Sequence
from functools import cache
from typing import Any, Final

import numpy as np
import pdqhash
from numpy.typing import NDArray
from pdqhash import bindings

from indexer.types import PdqBits, Rgb

Hashed = tuple[NDArray[np.uint8], int]
"""(32,) uint8 in the order of PDQ's hex notation, and the quality, 0 to 100."""
Brightness = NDArray[np.float32]

_HASH: Final = (  # pdqHash256FromFloatLuma; the name states what it takes
    "_ZN8facebook3pdq7hashing23pdqHash256FromFloatLumaEPfS2_iiPA64_fS4_PA16_fRNS1_7Hash256ERi"
)
_BLUR: Final = "_ZN8facebook3pdq11downscaling17jaroszFilterFloatEPfS2_iiiii"
_PASSES: Final = 2  # of the blur, along rows and columns
_OVER_EDGE: Final = 2  # the window that reaches over the edge of a mirrored picture
_SIDE: Final = 64  # of the picture that is left after the blur
_FREQUENCIES: Final = 16  # along each side
_BITS: Final = _FREQUENCIES**2
_MEDIAN: Final = 127  # its place among 256 coefficients, lowest first: the lower of the middle two
_COSINES: Final = (  # (16, 64): the rows 1 to 16 of the transform
    np.sqrt(2 / _SIDE)
    * np.cos(np.pi / (2 * _SIDE) * np.outer(np.arange(1, 17), 2 * np.arange(_SIDE) + 1))
).astype(np.float32)
_SMALLEST: Final = 5  # pixels of a side; below, there is no hash
_FLOAT: Final = 4  # bytes
_IMAGE, _HALF, _DCT = 64 * 64, 16 * 64, 16 * 16  # floats that the function works in


def hash_upright(rgb: Rgb) -> Hashed:
    """Hash a picture, (h, w, 3) uint8; safe to call from several threads."""
    functions = _functions()
    return functions.hash(_brightness(rgb))[0] if functions else _compute(rgb)


def hash_orientations(rgb: Rgb) -> tuple[PdqBits, int]:
    """Hash a picture in its eight orientations; safe to call from several threads.

    Returns
    -------
    bits : ndarray of shape (8, 32), uint8
        In the order of `fingerprints.pdq_orientations`.
    quality : int
        Of the picture as it is.
    """
    functions = _functions()
    if functions is None:
        hashes = [_compute(view) for view in _orientations(rgb)]
        return np.stack([bits for bits, _ in hashes]), hashes[0][1]
    brightness = _brightness(rgb)
    (bits, quality), blurred = functions.hash(brightness)
    if min(brightness.shape) < _SMALLEST:
        return np.zeros((8, 32), np.uint8), 0
    others = _others_of_blurred(functions, brightness, blurred)
    return np.vstack([bits, _hashes(np.stack(others))]), quality


def turn_hashes(bits: PdqBits) -> NDArray[np.uint8]:
    """Derive the PDQ of eight orientations from the PDQ of one, without the picture.

    Mirroring a picture changes the sign of every second coefficient of its discrete cosine
    transform along that side, and transposing it transposes them. A bit says whether a coefficient
    is above the median, which is next to 0, so the bits change in the same way. They are those of
    the turned pixels but for 16 to 28 bits (median), 62 for one in twenty: PDQ does not keep the
    same rows and columns of a turned picture.

    Parameters
    ----------
    bits : ndarray of shape (n, 32), uint8

    Returns
    -------
    ndarray of shape (n, 8, 32), uint8
        In the order of `hash_orientations`; row 0 is the hash itself.
    """
    upright = np.unpackbits(bits, axis=1).reshape(-1, _FREQUENCIES, _FREQUENCIES)
    odd = (np.arange(_FREQUENCIES) % 2).astype(np.uint8)
    across, down = odd[np.newaxis], odd[:, np.newaxis]
    lying = upright.swapaxes(1, 2)
    turned = [upright, lying ^ down, upright ^ across ^ down, lying ^ across]
    mirrored = [upright ^ across, lying, upright ^ down, lying ^ across ^ down]
    views = np.stack(turned + mirrored, axis=1).reshape(len(bits), 8, _BITS)
    return np.packbits(views, axis=2)


def _orientations(pixels: NDArray[Any]) -> list[NDArray[Any]]:
    """Return views: turned counter-clockwise by 0 to 270 degrees, and mirrored, turned likewise."""
    lying = pixels.swapaxes(0, 1)
    turned = [pixels, lying[::-1], pixels[::-1, ::-1], lying[:, ::-1]]
    mirrored = [pixels[:, ::-1], lying, pixels[::-1], lying[::-1, ::-1]]
    return turned + mirrored


def _others_of_blurred(
    functions: "_Functions", brightness: Brightness, blurred: Brightness
) -> Sequence[Brightness]:
    """Return the 64 x 64 pixels that PDQ would keep of the seven other orientations.

    A window of even width reaches one pixel farther ahead than back, so of a mirrored picture the
    blur lies as many pixels behind as there are passes: it is read there. Where that is off the
    edge, which only a window of 2 can be, the edge is repeated by one pixel before the blur,
    and the blur is again what it would have been of the mirrored picture.
    """
    height, width = brightness.shape
    edge = _OVER_EDGE in (_window(height), _window(width))
    if edge:
        blurred = np.pad(brightness, ((1, 0), (1, 0)), "edge")
        functions.blur(blurred, _window(height), _window(width))
    rows, rows_back = _kept(height, edge=edge)
    columns, columns_back = _kept(width, edge=edge)
    upright = blurred[rows[:, np.newaxis], columns]
    mirrored = blurred[rows[:, np.newaxis], columns_back]
    flipped = blurred[rows_back[:, np.newaxis], columns]
    turned = blurred[rows_back[:, np.newaxis], columns_back]
    return [mirrored.T, turned, flipped.T, mirrored, upright.T, flipped, turned.T]


def _hashes(kept: Brightness) -> PdqBits:
    """Hash n pictures that are blurred and scaled down already, (n, 64, 64) float32.

    As pdqHash256FromFloatLuma does from there: a bit of each of the lowest 16 x 16 coefficients of
    the discrete cosine transform, the first left out along each side, that is above their median.
    """
    coefficients = (_COSINES @ kept @ _COSINES.T).reshape(len(kept), _BITS)
    median = np.partition(coefficients, _MEDIAN, axis=1)[:, [_MEDIAN]]
    return np.packbits((coefficients > median)[:, ::-1], axis=1)


def _kept(length: int, *, edge: bool) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return which rows of a blurred picture PDQ keeps, and which of its mirror image."""
    ahead = (2 * np.arange(_SIDE) + 1) * length // (2 * _SIDE)
    behind = 0 if _window(length) % 2 else _PASSES
    return ahead + edge, length - 1 - ahead - behind + edge


def _window(length: int) -> int:
    """Return the width of the blur along a side (computeJaroszFilterWindowSize)."""
    return (length + 2 * _SIDE - 1) // (2 * _SIDE)


def _brightness(rgb: Rgb) -> Brightness:
    """Return the brightness, (h, w) float32, by the very arithmetic of `compute`."""
    red, green, blue = np.moveaxis(rgb, 2, 0)
    brightness: Brightness = (red * 0.299 + green * 0.587 + blue * 0.114).astype(np.float32)
    return brightness


def _compute(rgb: Rgb) -> Hashed:
    # it walks memory row by row and gives garbage for a turned view: hand it a copy
    vector, quality = pdqhash.compute(np.ascontiguousarray(rgb))
    return np.packbits(vector), int(quality)


class _Functions:
    """What pdqhash calls of its own, called by name."""

    def __init__(self) -> None:
        library = ctypes.CDLL(bindings.__file__)
        pointer, number = ctypes.c_void_p, ctypes.c_int
        self._hash, self._blur = library[_HASH], library[_BLUR]
        self._hash.argtypes = [pointer, pointer, number, number, *[pointer] * 5]
        self._blur.argtypes = [pointer, pointer, *[number] * 5]
        self._hash.restype = self._blur.restype = None

    def hash(self, brightness: Brightness) -> tuple[Hashed, Brightness]:
        """Return the hash of brightness, and the brightness blurred."""
        work = np.array(brightness, np.float32, order="C")  # a copy, which is blurred in place
        rest = np.empty(work.size + _IMAGE + _HALF + _DCT, np.float32)
        image = rest.ctypes.data + _FLOAT * work.size
        half = image + _FLOAT * _IMAGE
        words, quality = np.empty(16, np.uint16), ctypes.c_int()
        self._hash(
            work.ctypes.data,
            rest.ctypes.data,
            *work.shape,
            image,
            half,
            half + _FLOAT * _HALF,
            words.ctypes.data,
            ctypes.addressof(quality),
        )
        return (words[::-1].astype(">u2").view(np.uint8), quality.value), work

    def blur(self, brightness: Brightness, down: int, across: int) -> None:
        """Blur brightness in place, with windows of these widths down and across."""
        rest = np.empty_like(brightness)
        rows, columns = brightness.shape
        self._blur(brightness.ctypes.data, rest.ctypes.data, rows, columns, across, down, _PASSES)


@cache
def _functions() -> _Functions | None:
    """Return the functions if this build of pdqhash has them, and they hash as `compute` does."""
    try:
        functions = _Functions()
    except (AttributeError, OSError):
        return None
    sample = np.random.default_rng(0).integers(0, 256, (96, 80, 3), np.uint8)
    (bits, quality), _ = functions.hash(_brightness(sample))
    expected = _compute(sample)
    return functions if np.array_equal(bits, expected[0]) and quality == expected[1] else None
