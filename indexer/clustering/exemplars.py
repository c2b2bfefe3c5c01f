"""Medoid, exemplars and radius of a cluster."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from indexer.types import Embeddings

EXEMPLARS: Final = 8
_ALL_PAIRS: Final = 4096
"""Members whose pairs are all compared; of a larger cluster those farthest from its medoid."""
_MOST: Final = 200_000  # members that exemplars are looked for among
_SAME: Final = 1e-6  # cosine distance that rounding makes
_MEDOIDS: Final = 1e-6  # mean cosine within which members are equally in the middle


@dataclass(frozen=True, slots=True)
class Shape:
    """A cluster's middle and extent; rows are those of the array of all vectors."""

    medoid: int
    exemplars: tuple[int, ...]  # the medoid first, each next one far from those before
    radius: float  # largest cosine distance of a member from the medoid
    max_pair_distance: float  # largest cosine distance between two members


def shape_of(vectors: Embeddings, rows: NDArray[np.int64], medoid: int | None = None) -> Shape:
    """Describe the cluster that some vectors make.

    The medoid, of least total cosine distance to all members, is the member most alike to their
    sum; of those that tie but for rounding, as two members do, the first. Exemplars are chosen by
    farthest-point traversal (Gonzalez, 1985) among the members nearer to the medoid than nine in
    ten, so that they show the variety of a cluster and not its outliers.

    Parameters
    ----------
    vectors : ndarray of shape (n, d), float32, unit rows
    rows : ndarray of shape (m,), int64
        The members, at least one.
    medoid : int, optional
        The row of the member that is the cluster's middle, where that is known.
    """
    members = vectors[rows]
    middle = _middle(members) if medoid is None else int(np.flatnonzero(rows == medoid)[0])
    distances = np.clip(1 - members @ members[middle], 0, 2)
    far = np.argsort(-distances, kind="stable")[:_ALL_PAIRS]
    widest = float(np.clip(1 - (members[far] @ members[far].T).min(), 0, 2))
    chosen = _exemplars(members, distances, middle)
    return Shape(
        medoid=int(rows[middle]),
        exemplars=tuple(int(rows[place]) for place in chosen),
        radius=float(distances.max()),
        max_pair_distance=max(widest, float(distances.max())),
    )


def _middle(members: Embeddings) -> int:
    mean = members.mean(axis=0, dtype=np.float64).astype(np.float32)
    alike = members @ mean
    return int(np.argmax(alike >= alike.max() - _MEDOIDS))


def _exemplars(members: Embeddings, distances: NDArray[np.float32], middle: int) -> list[int]:
    near = np.flatnonzero(distances <= np.quantile(distances, 0.9))[:_MOST]
    chosen, gaps = [middle], distances[near].copy()
    while len(chosen) < min(EXEMPLARS, len(near)) and gaps.max() > _SAME:
        farthest = int(near[int(np.argmax(gaps))])
        chosen.append(farthest)
        gaps = np.minimum(gaps, np.clip(1 - members[near] @ members[farthest], 0, 2))
    return chosen
