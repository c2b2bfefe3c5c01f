"""Filtered nomination for libraries that cannot filter: more is asked for, and some left out."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from indexer.types import Embeddings
from indexer.vectors.base import Bitmap
from indexer.vectors.codes.base import Nominees
from indexer.vectors.results import Similarities

_WIDEN = 4  # how many times more is asked for where too few are allowed


class Near(NamedTuple):
    """What a library finds near one query, nearest first."""

    similarities: Similarities  # (m,), approximate
    rows: NDArray[np.int64]  # (m,)


def nominate_unfiltered(
    find: Callable[[Embeddings, int], Near],
    queries: Embeddings,
    k: int,
    bitmap: Bitmap | None,
    count: int,
) -> Nominees:
    """Nominate allowed rows, of which nothing is proven.

    Parameters
    ----------
    find : callable
        Takes one query, (d,) float32, and a number of rows; may find fewer.
    queries : ndarray of shape (n, d), float32
    k : int
    bitmap : ndarray of uint8, or None
        As for `SegmentCodes.nominate`.
    count : int
        Rows of the segment.
    """
    allowed = None if bitmap is None else np.unpackbits(bitmap, count=count, bitorder="little")
    similarities = np.full((len(queries), k), -np.inf, np.float32)
    rows = np.full((len(queries), k), -1, np.int64)
    for place, query in enumerate(queries):
        near = _allowed(find, query, k, allowed, count)
        rows[place, : len(near.rows)] = near.rows
        similarities[place, : len(near.rows)] = near.similarities
    return Nominees(similarities, rows, np.full(len(queries), np.inf))


def _allowed(
    find: Callable[[Embeddings, int], Near],
    query: Embeddings,
    k: int,
    allowed: NDArray[np.uint8] | None,
    count: int,
) -> Near:
    asked = min(k, count)
    while True:
        similarities, rows = find(query, asked)
        if allowed is not None:
            kept = allowed[rows].astype(np.bool_)
            similarities, rows = similarities[kept], rows[kept]
        if len(rows) >= k or asked == count:
            return Near(similarities[:k], rows[:k])
        asked = min(count, _WIDEN * asked)
