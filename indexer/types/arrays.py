"""Arrays that travel between the layers, by what their rows are."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Rgb = NDArray[np.uint8]
"""Pixels, (height, width, 3) uint8, upright, sRGB as stored, no alpha."""
Embeddings = NDArray[np.float32]
"""(n, d) float32, unit rows."""
Probabilities = NDArray[np.float32]
"""(n, classes) float32, in the order of the model card's labels."""
PdqBits = NDArray[np.uint8]
"""(n, 32) uint8: 256 bits a row, packed big-endian as PDQ's hex notation writes them."""
Vectors = NDArray[Any]
"""(n, d) float32 unit rows, or (n, 32) uint8 packed bits: what one view holds."""
Keys = NDArray[np.int64]
"""(n,) int64 image ids, or entry ids; a key repeats where one image has several vectors."""


def distinct(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return each value once, ascending: by sorting, quicker than `np.unique` where they are many.

    Parameters
    ----------
    values : ndarray of shape (n,), int64
    """
    ordered = np.sort(values)
    first = np.ones(len(ordered), np.bool_)
    first[1:] = ordered[1:] != ordered[:-1]
    return ordered[first]
