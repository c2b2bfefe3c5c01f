"""Image groups: near-duplicates and images of one origin, which must not be divided."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from indexer.vectors.hamming_graph import find_near_hashes

_NEIGHBOURS: Final = 64  # nearest hashes of each orientation that are looked at


def group_images(
    pdq: NDArray[np.uint8],
    usable: NDArray[np.bool_],
    origins: Sequence[str | None],
    *,
    reach: int,
) -> NDArray[np.int64]:
    """Give the groups of n images their numbers.

    Two images are in one group if their PDQ is within `reach` in any orientation, if they have the
    same origin, or if a chain of such pairs joins them.

    Parameters
    ----------
    pdq : ndarray of shape (n, orientations, 32), uint8
        The first orientation is the image as it is.
    usable : ndarray of shape (n,), bool
        Whether an image has enough structure for its PDQ to mean anything.
    origins : sequence of str or None
    reach : int
        Bits.

    Returns
    -------
    ndarray of shape (n,), int64
    """
    count, orientations = pdq.shape[:2]
    rows = np.flatnonzero(usable)
    queries = pdq[rows].reshape(-1, 32)
    pairs = find_near_hashes(queries, pdq[rows, 0], _NEIGHBOURS, reach=reach)
    left = [rows[pairs.queries // orientations]] if len(rows) else []
    right = [rows[pairs.rows]] if len(rows) else []
    first: dict[str, int] = {}
    for number, origin in enumerate(origins):
        if origin is not None:
            left.append(np.array([number]))
            right.append(np.array([first.setdefault(origin, number)]))
    ends = np.concatenate([*left, [0]]), np.concatenate([*right, [0]])
    joined = coo_array((np.ones(len(ends[0])), ends), shape=(count, count))
    return np.asarray(connected_components(joined, directed=False)[1], np.int64)
