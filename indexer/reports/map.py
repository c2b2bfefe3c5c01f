"""A map of images: two numbers for each, near each other where the images are alike."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.types import Embeddings

Places = NDArray[np.float32]
"""(n, 2)"""


@dataclass(frozen=True, slots=True)
class Axes:
    """The two directions in which vectors differ most."""

    middle: NDArray[np.float64]
    """(d,), the mean vector."""
    directions: NDArray[np.float64]
    """(d, 2), unit columns, the first of the greater spread."""

    def place(self, vectors: Embeddings) -> Places:
        """Lay vectors on the map.

        Parameters
        ----------
        vectors : ndarray of shape (n, d), float32, unit rows

        Returns
        -------
        ndarray of shape (n, 2), float32
        """
        return ((vectors - self.middle) @ self.directions).astype(np.float32)


def find_axes(parts: Iterable[Embeddings], dimension: int) -> Axes:
    """Find the two principal directions of vectors that come part by part.

    They are those of all the vectors, so the same ones give the same map and a few more hardly move
    it. Which way a direction points is arbitrary: here its heaviest coordinate is positive.

    Parameters
    ----------
    parts : iterable of ndarray of shape (n, d), float32, unit rows
    dimension : int
        The d of them; the map of d = 1 is a line.
    """
    count = 0
    total = np.zeros(dimension)
    products = np.zeros((dimension, dimension))
    for part in parts:
        count += len(part)
        total += part.sum(axis=0, dtype=np.float64)
        products += (part.T @ part).astype(np.float64)
    middle = total / max(count, 1)
    scatter = products - count * np.outer(middle, middle)
    directions = np.zeros((dimension, 2))
    found = np.linalg.eigh(scatter)[1][:, ::-1][:, :2]
    heaviest = np.abs(found).argmax(axis=0)
    signs = np.where(found[heaviest, np.arange(found.shape[1])] < 0, -1.0, 1.0)
    directions[:, : found.shape[1]] = found * signs
    return Axes(middle, directions)
