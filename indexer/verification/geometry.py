"""Geometric check: inliers of local features under one transform.

An edit that a fingerprint or an embedding of the whole picture does not survive (a screenshot, a
paste into another picture, a hard crop) leaves its details where they were, relative to each
other. So those pairs of local features are counted that one shift, turn and scale explains (RANSAC,
Fischler and Bolles 1981). Strangers agree by chance on a few only.
"""

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from indexer.runtime.opencv import cv2
from indexer.verification.local_features import Features

_RATIO: Final = 0.85  # Lowe's: the nearest detail must be nearer than the second by this much
_TOLERANCE: Final = 4.0  # pixels of a thumbnail between where a detail is and where it should be
_SCALES: Final = (0.1, 10.0)  # beyond them one picture would be a speck of the other
_LEAST: Final = 4  # pairs of which a movement, which two pairs fix, is worth looking for
_IN_PLACE: Final = 0.03  # of a side, by which a corner may be off
_LINE: Final = 0.15  # of their spread along a line, across it
_ROUNDS: Final = 1000  # of RANSAC, at most
_CONFIDENCE: Final = 0.995  # at which it stops earlier
_WIDEST: Final = 1 << 16  # pixels, more than a thumbnail has
_NOWHERE: Final = np.empty((0, 2), np.float32)


@dataclass(frozen=True, slots=True)
class Inliers:
    """Details of two pictures in the same arrangement."""

    count: int
    movement: NDArray[np.float64] | None  # (2, 3): from the left picture's pixels to the right's
    left: NDArray[np.float32]  # (n, 2): x, y in pixels of the left picture
    right: NDArray[np.float32]  # (n, 2): the same detail in the right one

    @property
    def is_in_line(self) -> bool:
        """Whether they lie along a line, as those of a line of text or a row of icons do."""
        if len(self.left) < _LEAST:
            return True
        spread = np.linalg.svd(self.left - self.left.mean(axis=0), compute_uv=False)
        return bool(spread[1] < _LINE * spread[0])

    def is_in_place(self, left: tuple[int, ...], right: tuple[int, ...]) -> bool:
        """Return whether the movement lays one whole picture on the other, but for a sliver.

        Parameters
        ----------
        left, right : (int, int)
            Height and width of the pictures.
        """
        if self.movement is None:
            return False
        height, width = left
        corners = np.array([(0, 0, 1), (width, 0, 1), (width, height, 1), (0, height, 1)])
        size = np.array(right[::-1])
        moved = corners @ self.movement.T / size
        return bool(np.abs(moved - corners[:, :2] / (width, height)).max() <= _IN_PLACE)


class Agreement(NamedTuple):
    """What two images have in common, whichever way round one of them is."""

    inliers: int
    in_place: bool  # whether they lie at the same places of both; never of the mirrored one


_NO_INLIERS: Final = Inliers(0, None, _NOWHERE, _NOWHERE)


def find_inliers(left: Features, right: Features) -> Inliers:
    """Find the details that two pictures have in the same arrangement.

    Returns
    -------
    Inliers
        Pairs that one similarity (shift, turn, scale) explains, each place counted once; none where
        there is no such movement.
    """
    ours, theirs = _alike(left, right)
    if len(ours) < _LEAST:
        return _NO_INLIERS
    found: tuple[Any, Any] = cv2.estimateAffinePartial2D(  # both None where there is none
        ours,
        theirs,
        method=cv2.RANSAC,
        ransacReprojThreshold=_TOLERANCE,
        maxIters=_ROUNDS,
        confidence=_CONFIDENCE,
    )
    movement, kept = found
    if movement is None or not _SCALES[0] < np.hypot(*movement[:, 0]) < _SCALES[1]:
        return _NO_INLIERS
    inside = kept.ravel().astype(bool)
    left_points, right_points = ours[inside], theirs[inside]
    count = min(_count_places(left_points), _count_places(right_points))
    return Inliers(count, movement, left_points, right_points)


def compare_hands(hands: tuple[Features, Features], other: Features) -> Agreement:
    """Compare an image, as it is and mirrored, with another; the hand with more inliers counts."""
    upright, mirrored = (find_inliers(hand, other) for hand in hands)
    in_place = upright.count >= mirrored.count and upright.is_in_place(hands[0].size, other.size)
    return Agreement(max(upright.count, mirrored.count), in_place)


def _alike(left: Features, right: Features) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the places of details that are clearly most alike, (m, 2) each."""
    if len(left.points) < _LEAST or len(right.points) < _LEAST:
        return left.points[:0], right.points[:0]
    cosines = left.descriptors @ right.descriptors.T
    rows, nearest = np.arange(len(cosines)), cosines.argmax(axis=1)
    first = cosines[rows, nearest]
    cosines[rows, nearest] = -1  # so that the greatest is now the second
    clear = _distance(first) < _RATIO * _distance(cosines.max(axis=1))
    return left.points[clear], right.points[nearest[clear]]


def _distance(cosines: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how far unit vectors lie apart."""
    distances: NDArray[np.float32] = np.sqrt(np.maximum(0, 2 - 2 * cosines))
    return distances


def _count_places(points: NDArray[np.float32]) -> int:
    """Count points that are not on the same pixel: one place with many details votes once."""
    columns, rows = np.round(points).astype(np.int64).T
    return len(set((columns * _WIDEST + rows).tolist()))  # a tenth of the time of `np.unique`
