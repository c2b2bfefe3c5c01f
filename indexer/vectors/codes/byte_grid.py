"""Byte grids: vectors as signed bytes, each dimension on a grid of its own.

The steps of a grid are multiplied into the query, which is rounded to signed bytes as well, and the
grid's origin becomes one constant a query. So FAISS compares bytes with bytes, exactly.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from indexer.types import Embeddings

LOWEST: Final = -128
HIGHEST: Final = 127
SLACK: Final = 1 + 1e-6
"""Factor for the rounding of the bounds themselves, computed in float64."""


class RoundedQueries(NamedTuple):
    """Queries to be compared with bytes: `units * (rounded . bytes) + constants`."""

    rounded: NDArray[np.float64]  # (n, d), whole numbers, -127 to 127
    units: NDArray[np.float64]  # (n,)
    constants: NDArray[np.float64]  # (n,)
    lost: NDArray[np.float64]  # (n,), what rounding can cost for a row of bytes of length 1


def grid_between(low: NDArray[np.floating], high: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the grid whose 256 steps go from the least to the greatest values: none is clipped.

    Parameters
    ----------
    low, high : ndarray of shape (d,)

    Returns
    -------
    ndarray of shape (2, d), float64
        Step and origin of each dimension: a vector is about `grid[1] + grid[0] * bytes`. The step
        of a constant is 0.
    """
    step = (high.astype(np.float64) - low) / (HIGHEST - LOWEST)
    return np.stack([step, low - LOWEST * step])


def round_queries(queries: Embeddings, grid: NDArray[np.float64]) -> RoundedQueries:
    """Round queries, (n, d) float32, to bytes.

    Of a query q, steps s, bytes c and a query rounded to g * b, the similarity s * q . c is wrong
    by |s * q - g * b| |c| at most (Cauchy-Schwarz).
    """
    step, origin = grid
    exact = queries.astype(np.float64)
    weighted = exact * step
    greatest = np.abs(weighted).max(axis=1)
    units = np.where(greatest > 0, greatest / HIGHEST, 1.0)
    rounded = np.rint(weighted / units[:, None])
    lost = lengths_of(weighted - units[:, None] * rounded)
    return RoundedQueries(rounded, units, exact @ origin, lost)


def lengths_of(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the lengths of the rows of an array, in half of the time of `numpy.linalg.norm`."""
    lengths: NDArray[np.float64] = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    return lengths


def greatest_length(vectors: NDArray[np.floating]) -> float:
    """Return the greatest length of the rows of an array, 0 if there are none."""
    return float(np.sqrt(np.einsum("ij,ij->i", vectors, vectors).max(initial=0.0)))
