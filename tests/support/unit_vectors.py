"""Unit vectors whose cosines float32 knows without rounding, whatever adds them up.

BLAS, FAISS and NumPy add up products in an order of their own on each processor, so that cosines
of ordinary vectors differ in the last bit, ties fall either way, and what is exactly at a bound is
on either side of it. The coordinates of these vectors are whole numbers of 4096ths, and their
length is 1 exactly: each product is a whole number of 2^-24ths, and no sum of some of them exceeds
1 in either direction (Cauchy and Schwarz), so float32, with its 24 bits, rounds nothing.
"""

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from indexer.types import Embeddings

_PARTS: Final = 4096  # of 1: whole coordinates up to it have products and sums of up to 24 bits
_REACH: Final = 8  # parts by which a coordinate is moved, at first
_MOST: Final = 100
_HANDY: Final = 400  # parts: a coordinate of this size is moved, for its square moves enough


def exact_unit(vectors: NDArray[np.floating]) -> Embeddings:
    """Return the unit vectors nearly in these directions that have exact cosines to each other.

    Parameters
    ----------
    vectors : ndarray of shape (n, d), d at least 5
        Of any length but 0. Equal rows stay equal; all others are turned by less than 0.02.

    Returns
    -------
    ndarray of shape (n, d), float32
    """
    scaled = vectors * (_PARTS / np.linalg.norm(vectors, axis=1, keepdims=True))
    whole = np.rint(scaled).astype(np.int64)
    rows = [_of_length(row.tobytes()) for row in whole]
    exact: Embeddings = (np.stack(rows) / _PARTS).astype(np.float32)
    return exact


@lru_cache(maxsize=100_000)
def _of_length(coordinates: bytes) -> NDArray[np.int64]:
    """Move some coordinates a little, so that the squares add up to `_PARTS` ** 2."""
    row = np.frombuffer(coordinates, np.int64)
    if (row**2).sum() == _PARTS**2:
        return row
    *chosen, fifth = np.argsort(np.abs(np.abs(row) - _HANDY), kind="stable")[:5].tolist()
    row = row.copy()
    left = _PARTS**2 - (np.delete(row, chosen) ** 2).sum()
    if left % 2 == 0:  # an odd number is the sum of four squares in more ways
        left += row[fifth] ** 2 - (row[fifth] + 1) ** 2
        row[fifth] += 1
    reach = _REACH
    while reach <= _MOST:
        steps = np.arange(-reach, reach + 1)
        moved = [row[place] + steps for place in chosen[:3]]
        rest = left - sum(np.ix_(*(each**2 for each in moved)))  # type: ignore[arg-type]
        root = np.rint(np.sqrt(np.maximum(rest, 0))).astype(np.int64)
        turned = sum(np.ix_(steps**2, steps**2, steps**2)) + (root - abs(row[chosen[3]])) ** 2
        cost = np.where(root**2 == rest, turned, np.iinfo(np.int64).max)
        best = np.unravel_index(cost.argmin(), cost.shape)
        if root[best] ** 2 == rest[best]:
            row[chosen[3]] = root[best] * (-1 if row[chosen[3]] < 0 else 1)
            row[chosen[:3]] = [each[at] for each, at in zip(moved, best, strict=True)]
            return row
        reach *= 2
    raise ValueError(f"no unit vector of {_PARTS}ths is near {row / _PARTS}")
