"""Geometric check: inliers of local features under one transform.

An edit that a fingerprint or an embedding of the whole picture does not survive (a screenshot, a
paste into another picture, a hard crop) leaves its details where they were, relative to each
other. So details are found (SIFT, Lowe 2004), compared (RootSIFT, Arandjelovic 2012), and those
pairs counted that one shift, turn and scale explains (RANSAC). Strangers agree by chance on a few
only.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from indexer.runtime.opencv import cv2
from indexer.verification.thumbnails import Grey, read_thumbnail

_FEATURES: Final = 400  # of a thumbnail, at most
_SIDE: Final = 288
"""Pixels to which a thumbnail is reduced: 21 ms instead of 37, and 94 of 100 undecided copies have
8 inliers, of 95 at full size."""
_QUERY_FEATURES: Final = 400  # of a query
_CELLS: Final = 8  # by which a picture is divided across and down
_CONTRAST: Final = 0.02  # SIFT's own 0.04 leaves blurred and dark pictures with few
_RATIO: Final = 0.85  # Lowe's: the nearest detail must be nearer than the second by this much
_TOLERANCE: Final = 4.0  # pixels of a thumbnail between where a detail is and where it should be
_SCALES: Final = (0.1, 10.0)  # beyond them one picture would be a speck of the other
_LEAST: Final = 4  # pairs of which a movement, which two pairs fix, is worth looking for
_IN_PLACE: Final = 0.03  # of a side, by which a corner may be off
_ROUNDS: Final = 1000  # of RANSAC, at most
_CONFIDENCE: Final = 0.995  # at which it stops earlier
_REMEMBERED: Final = 1000
"""Thumbnails whose details are remembered: what is asked about often is often alike."""


@dataclass(frozen=True, slots=True)
class Features:
    """Details of one picture."""

    points: NDArray[np.float32]  # (n, 2): x, y in pixels
    descriptors: NDArray[np.float32]  # (n, 128), unit rows


@dataclass(frozen=True, slots=True)
class Inliers:
    """Details of two pictures in the same arrangement."""

    count: int
    movement: NDArray[np.float64] | None  # (2, 3): from the left picture's pixels to the right's

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


_NO_INLIERS: Final = Inliers(0, None)


class _Keypoints(NamedTuple):
    """Details as SIFT describes them, in a third of the memory."""

    points: NDArray[np.float32]  # (n, 2)
    descriptors: NDArray[np.uint8]  # (n, 128): SIFT's values are whole numbers up to 255

    def features(self) -> Features:
        """Return the square roots of their shares (RootSIFT)."""
        found = self.descriptors.astype(np.float32)
        shares = found / np.maximum(found.sum(axis=1, keepdims=True), 1e-6)
        return Features(self.points, np.sqrt(shares))


def find_features(thumbnail: bytes) -> Features:
    """Find the details of a thumbnail that `make_thumbnail` wrote; a flat one has none.

    Those of the thumbnails met last are remembered, up to 75 KB each.
    """
    return _find_in_thumbnail(thumbnail).features()


def find_in_both_hands(grey: Grey) -> tuple[Features, Features]:
    """Find the details of a query as it is and mirrored: SIFT knows turned copies, no mirrored."""
    found = _find(grey, _QUERY_FEATURES).features()
    return found, _mirrored(found, grey.shape[1])


def count_inliers(left: Features, right: Features) -> int:
    """Count the details that two pictures have in the same arrangement; see `find_inliers`."""
    return find_inliers(left, right).count


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
    count = min(_count_places(ours[inside]), _count_places(theirs[inside]))
    return Inliers(count, movement)


@lru_cache(_REMEMBERED)
def _find_in_thumbnail(thumbnail: bytes) -> _Keypoints:
    """Find the details of a thumbnail, reduced: their places are those in the thumbnail itself."""
    grey = read_thumbnail(thumbnail)
    factor = max(1.0, max(grey.shape) / _SIDE)
    height, width = (max(1, round(side / factor)) for side in grey.shape)
    small = cv2.resize(grey, (width, height), interpolation=cv2.INTER_AREA)
    found = _find(small.astype(np.uint8), _FEATURES)
    return found._replace(points=found.points * np.float32(factor))


def _find(grey: Grey, most: int) -> _Keypoints:
    finder = cv2.SIFT.create(contrastThreshold=_CONTRAST)
    keypoints, described = finder.detectAndCompute(grey, None)  # one scale space for both
    chosen = _spread(keypoints, grey.shape, most)
    if not chosen:
        return _Keypoints(np.zeros((0, 2), np.float32), np.zeros((0, 128), np.uint8))
    points = np.array([keypoints[number].pt for number in chosen], np.float32)
    return _Keypoints(points, described[chosen].astype(np.uint8))


def _mirrored(found: Features, width: int) -> Features:
    """Return what the mirrored picture has, without looking for it again.

    A descriptor is a grid of 4 x 4 cells along its keypoint's direction, each with the strength of
    8 directions in turn from there. Mirroring swaps the rows and turns the directions round.
    """
    grid = found.descriptors.reshape(-1, 4, 4, 8)
    turned = grid[:, ::-1, :, -np.arange(8) % 8]
    points = found.points.copy()
    points[:, 0] = width - 1 - points[:, 0]
    return Features(points, np.ascontiguousarray(turned).reshape(-1, 128))


def _spread(keypoints: Sequence[cv2.KeyPoint], shape: tuple[int, ...], most: int) -> list[int]:
    """Choose keypoints from all over a picture: the best of each cell, then the second best, ...

    So the sharp letters of a page leave some to the soft photo that it shows.
    """
    height, width = shape
    taken: Counter[tuple[int, int]] = Counter()
    turns = []
    for number, keypoint in sorted(enumerate(keypoints), key=lambda item: -item[1].response):
        x, y = keypoint.pt
        cell = int(_CELLS * x / width), int(_CELLS * y / height)
        turns.append((taken[cell], number))
        taken[cell] += 1
    return [number for _, number in sorted(turns)[:most]]


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
    return len(np.unique(np.round(points), axis=0))
