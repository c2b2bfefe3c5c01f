"""Local features of an image: found by SIFT, and packed for the database.

Features are found and described by SIFT (Lowe 2004) and compared as the square roots of their
shares (RootSIFT, Arandjelovic and Zisserman 2012). A stored image has 300, each packed into 36
bytes: two for each coordinate, and two bits for each of the 128 values of its descriptor. That
finds as many copies as all its bits do.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from struct import Struct
from typing import Final

import numpy as np
from numpy.typing import NDArray

from indexer.runtime.opencv import cv2
from indexer.verification.thumbnails import Grey, read_thumbnail

_STORED: Final = 300  # features of a stored image, at most
_SIDE: Final = 288  # pixels to which a thumbnail is reduced, at its longest side
_STORED_LAYERS: Final = 3  # of an octave, as in the paper
_QUERY: Final = 400  # features of a query, at most
_QUERY_LAYERS: Final = 2  # a quarter less time than with 3, for 0.6 % of the undecided copies
_DESCRIBED: Final = (
    800  # the strongest, of which those are chosen: describing all takes a third more
)
_CELLS: Final = 8  # by which an image is divided across and down
_CONTRAST: Final = 0.02  # SIFT's own 0.04 leaves blurred and dark images with few
_VALUES: Final = 128  # of a descriptor
_BOUNDS: Final = (0.03, 0.09, 0.17)  # between the four levels of a value
_LEVELS: Final = np.array([0.0, 0.06, 0.13, 0.24], np.float32)
_SHIFTS: Final = np.array([6, 4, 2, 0], np.uint8)  # of four values in a byte
_FOURS: Final = _LEVELS[(np.arange(256)[:, np.newaxis] >> _SHIFTS) & 3]
"""The four values that each byte packs, (256, 4)."""
_FRACTION: Final = 64  # of a pixel, in which coordinates are packed
_HEADER: Final = Struct("<BHHH")  # version, height, width, number of features
_VERSION: Final = 1
_REMEMBERED: Final = 1000
"""Images without packed features whose features are remembered, 11 KB each."""


@dataclass(frozen=True, slots=True)
class Features:
    """Local features of one image."""

    points: NDArray[np.float32]  # (n, 2): x, y in pixels
    descriptors: NDArray[np.float32]  # (n, 128), unit rows
    size: tuple[int, int]  # height and width of the image, in the same pixels

    @property
    def places(self) -> NDArray[np.float32]:
        """Where they lie, as shares of width and height, (n, 2)."""
        height, width = self.size
        return (self.points / (width, height)).astype(np.float32)


def find_in_query(grey: Grey) -> tuple[Features, Features]:
    """Find the features of a query as it is and mirrored: SIFT knows turned copies, no mirrored.

    Parameters
    ----------
    grey : ndarray of shape (h, w), uint8
        As `shrink` makes it.
    """
    points, described = _find(grey, _QUERY, _QUERY_LAYERS)
    height, width = grey.shape
    return in_both_hands(Features(points, _roots(described), (height, width)))


def pack_features(thumbnail: bytes) -> bytes:
    """Find the features of a thumbnail and pack them.

    Parameters
    ----------
    thumbnail : bytes
        JPEG, as `make_thumbnail` wrote it.

    Returns
    -------
    bytes
        7 bytes of header and 36 for each feature, of which a flat image has none. The coordinates
        are those of the thumbnail, although fewer pixels are searched.
    """
    grey = read_thumbnail(thumbnail)
    height, width = grey.shape
    factor = max(1.0, max(grey.shape) / _SIDE)
    reduced = max(1, round(width / factor)), max(1, round(height / factor))
    small = cv2.resize(grey, reduced, interpolation=cv2.INTER_AREA)
    points, described = _find(small.astype(np.uint8), _STORED, _STORED_LAYERS)
    places = np.round(points * (factor * _FRACTION)).astype("<u2")
    roots = _roots(described).astype(np.float64)  # the bounds are exact only in that
    levels = np.sum([roots >= bound for bound in _BOUNDS], axis=0, dtype=np.uint8)
    packed = np.bitwise_or.reduce(levels.reshape(-1, _VALUES // 4, 4) << _SHIFTS, axis=2)
    header = _HEADER.pack(_VERSION, height, width, len(points))
    return b"".join((header, places.tobytes(), packed.tobytes()))


def unpack_features(packed: bytes) -> Features | None:
    """Return what `pack_features` packed; None for what another version wrote, or is damaged."""
    if len(packed) < _HEADER.size:
        return None
    version, height, width, count = _HEADER.unpack_from(packed)
    places_end = _HEADER.size + 4 * count
    if version != _VERSION or len(packed) != places_end + _VALUES // 4 * count:
        return None
    places = np.frombuffer(packed, "<u2", 2 * count, _HEADER.size).reshape(-1, 2)
    fours = np.frombuffer(packed, np.uint8, offset=places_end)
    descriptors = _FOURS[fours].reshape(count, _VALUES)
    lengths = np.linalg.norm(descriptors, axis=1, keepdims=True)
    return Features(
        points=places.astype(np.float32) / np.float32(_FRACTION),
        descriptors=descriptors / np.maximum(lengths, np.float32(1e-6)),
        size=(height, width),
    )


@lru_cache(_REMEMBERED)
def _packed(thumbnail: bytes) -> bytes:
    return pack_features(thumbnail)


def find_features(thumbnail: bytes) -> Features:
    """Find the features of an image that has a thumbnail and no packed features.

    They are those that it would have packed. The last thousand images are remembered.
    """
    features = unpack_features(_packed(thumbnail))
    if features is None:
        raise AssertionError("just packed")
    return features


def _find(grey: Grey, most: int, layers: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return places (n, 2) and SIFT's descriptors (n, 128), whole numbers up to 255."""
    finder = cv2.SIFT.create(
        nfeatures=_DESCRIBED, nOctaveLayers=layers, contrastThreshold=_CONTRAST
    )
    keypoints, described = finder.detectAndCompute(grey, None)  # one scale space for both
    chosen = _spread(keypoints, grey.shape, most)
    if not chosen:
        return np.zeros((0, 2), np.float32), np.zeros((0, _VALUES), np.float32)
    points = np.array([keypoints[number].pt for number in chosen], np.float32)
    return points, described[chosen].astype(np.float32)


def _roots(described: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the square roots of the shares of SIFT's values (RootSIFT), unit rows."""
    roots: NDArray[np.float32] = np.sqrt(
        described / np.maximum(described.sum(axis=1, keepdims=True), np.float32(1e-6))
    )
    return roots


def in_both_hands(found: Features) -> tuple[Features, Features]:
    """Return features, and those of the mirrored image in the same order."""
    return found, mirror_features(found)


def mirror_features(found: Features) -> Features:
    """Return what the mirrored image has, without looking for it again.

    A descriptor is a grid of 4 x 4 cells along its keypoint's direction, each with the strength of
    8 directions in turn from there. Mirroring swaps the rows and turns the directions round.
    """
    grid = found.descriptors.reshape(-1, 4, 4, 8)
    turned = grid[:, ::-1, :, -np.arange(8) % 8]
    points = found.points.copy()
    points[:, 0] = found.size[1] - 1 - points[:, 0]
    return Features(points, np.ascontiguousarray(turned).reshape(-1, _VALUES), found.size)


def _spread(keypoints: Sequence[cv2.KeyPoint], shape: tuple[int, ...], most: int) -> list[int]:
    """Choose keypoints from all over an image: the best of each cell, then the second best, ...

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
