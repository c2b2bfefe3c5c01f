"""Complete-linkage groups of near duplicates: no pair is farther apart than a bound."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from indexer.types import Embeddings
from indexer.vectors.knn_graph import KnnGraph

_BLOCK: Final = 4096  # members compared at a time
_ROUNDING: Final = 1e-6  # of a cosine in float32


def near_duplicate_groups(
    vectors: Embeddings, neighbours: KnnGraph, min_similarity: float
) -> NDArray[np.int64]:
    """Group vectors by complete linkage: all pairs of a group are at least so alike.

    Pairs of neighbours are taken most alike first, and their groups joined where every pair across
    is within the bound. So groups cannot chain from one picture to quite another one; a picture
    between two groups goes to the nearer.

    Parameters
    ----------
    vectors : ndarray of shape (n, d), float32, unit rows
    neighbours : KnnGraph
        Groups grow along these alone.
    min_similarity : float
        The bound, a cosine.

    Returns
    -------
    ndarray of shape (n,), int64
        Groups of two and more, numbered from 0 by their first member; -1 for what is in none.
    """
    members = [[row] for row in range(len(vectors))]
    group = list(range(len(vectors)))
    apart: set[tuple[int, int, int, int]] = set()
    for one, other in _pairs(neighbours, min_similarity):
        left, right = sorted((group[one], group[other]))
        # sizes tell whether either has changed since the two were compared
        attempt = (left, right, len(members[left]), len(members[right]))
        if left == right or attempt in apart:
            continue
        if not _all_alike(vectors, members[left], members[right], min_similarity):
            apart.add(attempt)
            continue
        if len(members[left]) < len(members[right]):
            left, right = right, left
        for row in members[right]:
            group[row] = left
        members[left] += members[right]
        members[right] = []
    return _numbered([rows for rows in members if len(rows) > 1], len(vectors))


def _pairs(neighbours: KnnGraph, min_similarity: float) -> list[tuple[int, int]]:
    """Return the pairs of neighbours within the bound, most alike first, ties by row."""
    n, k = neighbours.rows.shape
    start, end = np.repeat(np.arange(n), k), neighbours.rows.ravel()
    similarities = neighbours.similarities.ravel()
    near = np.flatnonzero(similarities >= min_similarity - _ROUNDING)
    low, high = np.minimum(start[near], end[near]), np.maximum(start[near], end[near])
    _, once = np.unique(low * n + high, return_index=True)
    order = once[np.argsort(-similarities[near][once], kind="stable")]
    return list(zip(low[order].tolist(), high[order].tolist(), strict=True))


def _all_alike(
    vectors: Embeddings, ones: list[int], others: list[int], min_similarity: float
) -> bool:
    """Say whether every pair across two groups is within the bound."""
    few, many = sorted((ones, others), key=len)
    for start in range(0, len(many), _BLOCK):
        block = vectors[many[start : start + _BLOCK]] @ vectors[few].T
        if block.min() < min_similarity - _ROUNDING:
            return False
    return True


def _numbered(groups: list[list[int]], n: int) -> NDArray[np.int64]:
    labels = np.full(n, -1, np.int64)
    for number, rows in enumerate(sorted(groups, key=min)):
        labels[rows] = number
    return labels
