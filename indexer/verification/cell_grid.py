"""Cell grid: an image reduced to a square of 16 x 16 cells, and how the cells of two correlate."""

from dataclasses import dataclass
from itertools import product
from typing import Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from indexer.runtime.opencv import cv2
from indexer.verification.thumbnails import Grey

GRID: Final = 16  # cells across and down
CELL: Final = 16  # pixels of a cell's side
SIDE: Final = GRID * CELL
_SAME_ASPECT: Final = 0.03  # natural logarithm of the ratio of two aspect ratios
_TEXTURE: Final = 5.0  # levels, standard deviation, from which a cell shows something
_FLAT: Final = 1.5  # levels below which it shows nothing, however it correlates
_SAME: Final = 0.8  # correlation from which a cell shows the same
_OTHER: Final = 0.5  # correlation below which it shows something else
_PLAIN: Final = 2  # levels by which neighbours on plain ground differ
_PLAIN_SHARE: Final = 0.5  # of a page or a panel of controls that is plain ground, at least
_COARSE: Final = 4.0  # pixels, standard deviation, of what is no edge
_FAINT: Final = 4.0  # levels squared, which strengthened texture has at least
_SOME_EDGES: Final = 0.2  # mean square of strengthened edges of a cell that has some
_SOME_CELLS: Final = 8  # cells with edges, from which they tell something
_SHIFTS: Final = range(-2, 3)  # pixels

Cells = NDArray[np.bool_]
"""(16, 16): rows, columns."""


class Extent(NamedTuple):
    """A rectangle as shares of an image's width and height."""

    left: float
    top: float
    right: float
    bottom: float

    @classmethod
    def of(cls, box: tuple[int, int, int, int], size: tuple[int, int]) -> Self:
        """Return a part's box, left, top, width and height, as shares of width and height."""
        (left, top, width, height), (all_wide, all_high) = box, size
        return cls(
            left / all_wide, top / all_high, (left + width) / all_wide, (top + height) / all_high
        )

    @property
    def area(self) -> float:
        """Share of the image's area."""
        return (self.right - self.left) * (self.bottom - self.top)

    def overlap(self, other: "Extent") -> float:
        """Return the shared area over the area that both cover, 0 to 1."""
        shared = self.shared(other)
        return shared / (self.area + other.area - shared)

    def shared(self, other: "Extent") -> float:
        """Return the area that two rectangles have in common, as a share of the image."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(0.0, width) * max(0.0, height)

    def common(self, other: "Extent") -> "Extent":
        """Return what two rectangles that overlap have in common."""
        return Extent(*map(max, self[:2], other[:2]), *map(min, self[2:], other[2:]))

    def joined(self, other: "Extent") -> "Extent":
        """Return the rectangle around two."""
        return Extent(*map(min, self[:2], other[:2]), *map(max, self[2:], other[2:]))

    def holds(self, places: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Return which places, (n, 2) shares of width and height, lie in the rectangle, (n,)."""
        x, y = places.T
        across = (self.left <= x) & (x <= self.right)
        down = (self.top <= y) & (y <= self.bottom)
        inside: NDArray[np.bool_] = across & down
        return inside


@dataclass(frozen=True, slots=True)
class CellGrid:
    """An image, and its cells; half a megabyte."""

    grey: Grey
    square: NDArray[np.float32]  # (256, 256) levels, slightly blurred
    centred: NDArray[np.float32]  # (16, 16, 16, 16): the cells around their mean levels
    deviations: NDArray[np.float32]  # (16, 16) levels, standard deviations

    @classmethod
    def of(cls, grey: Grey) -> Self:
        """Reduce an image.

        Parameters
        ----------
        grey : ndarray of shape (h, w), uint8
            As `shrink` and `read_thumbnail` give them.
        """
        reduced = Image.fromarray(grey).resize((SIDE, SIDE), Image.Resampling.BOX)
        square = np.asarray(reduced.filter(ImageFilter.GaussianBlur(1)), np.float32)
        cells = square.reshape(GRID, CELL, GRID, CELL).swapaxes(1, 2)
        centred = cells - cells.mean(axis=(2, 3), keepdims=True)
        return cls(grey, square, centred, centred.std(axis=(2, 3)))

    @property
    def edges(self) -> NDArray[np.float32]:
        """The square without what is coarser than a quarter of a cell, about as strong all over."""
        fine = self.square - cv2.GaussianBlur(self.square, (0, 0), _COARSE)
        strength = cv2.GaussianBlur(fine * fine, (0, 0), CELL / 2)
        edges: NDArray[np.float32] = (fine / np.sqrt(strength + _FAINT)).astype(np.float32)
        return edges

    @property
    def mirrored(self) -> "CellGrid":
        """The image with left and right exchanged."""
        return CellGrid.of(np.ascontiguousarray(self.grey[:, ::-1]))


@dataclass(frozen=True, slots=True)
class CellMap:
    """How the cells of two images correlate."""

    same: Cells  # textured and equal
    other: Cells  # textured and different
    textured: Cells  # in either image


def have_one_shape(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Return whether two images, of these sides in one order, have the same aspect ratio."""
    return bool(abs(np.log(one[0] * other[1] / (one[1] * other[0]))) <= _SAME_ASPECT)


def correlate_cells(query: CellGrid, stored: CellGrid) -> CellMap | None:
    """Correlate the cells of two images; None if their aspect ratios differ."""
    if not have_one_shape(query.grey.shape, stored.grey.shape):
        return None
    deviations = query.deviations, stored.deviations
    textured = np.maximum(*deviations) > _TEXTURE
    products = (query.centred * stored.centred).mean(axis=(2, 3))
    correlation = products / np.maximum(deviations[0] * deviations[1], 1e-3)
    correlation[np.minimum(*deviations) < _FLAT] = 0
    return CellMap(textured & (correlation > _SAME), textured & (correlation < _OTHER), textured)


def correlate_edges(query: CellGrid, stored: CellGrid, region: Cells) -> float | None:
    """Correlate the edges and fine texture of two images, cell by cell, at the best small shift.

    Light that falls from above is the same in many photos, and so are many of their cells. What is
    left without it is the same in copies only.

    Parameters
    ----------
    query, stored : CellGrid
        Of one aspect ratio.
    region : ndarray of shape (16, 16), bool

    Returns
    -------
    float or None
        The median of the cells in the region that have edges in either image, -1 to 1; None where
        hardly any has.
    """
    ours, theirs = (image.edges for image in (query, stored))
    energies = _cells_of(ours * ours), _cells_of(theirs * theirs)
    chosen = region & (np.maximum(*energies) >= _SOME_EDGES)
    if chosen.sum() < _SOME_CELLS:
        return None
    best = -1.0
    for shift in product(_SHIFTS, _SHIFTS):
        moved = np.roll(theirs, shift, (0, 1))
        norms = np.sqrt(energies[0] * _cells_of(moved * moved))
        correlations = _cells_of(ours * moved) / np.maximum(norms, 1e-6)
        best = max(best, float(np.median(correlations[chosen])))
    return best


def _cells_of(square: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the means of the cells of a square, (16, 16)."""
    means: NDArray[np.float32] = square.reshape(GRID, CELL, GRID, CELL).mean(axis=(1, 3))
    return means


def cells_within(extent: Extent) -> tuple[slice, slice]:
    """Return the rows and columns of the cells that lie in a rectangle, but for a sliver."""
    left, top, right, bottom = (GRID * share for share in extent)
    return _cells_between(top, bottom), _cells_between(left, right)


def _cells_between(start: float, stop: float) -> slice:
    """Return the cells along one axis, at least one."""
    first = min(GRID - 1, int(np.ceil(start - 0.25)))
    return slice(first, max(first + 1, int(stop + 0.25)))


def is_picture(grey: Grey, extent: Extent) -> bool:
    """Return whether a rectangle shows a picture rather than text or controls on plain ground.

    Parameters
    ----------
    grey : ndarray of shape (h, w), uint8
    extent : Extent
        The rectangle.
    """
    height, width = grey.shape
    rows = slice(int(extent.top * height), int(extent.bottom * height))
    columns = slice(int(extent.left * width), int(extent.right * width))
    inside = grey[rows, columns].astype(np.int16)
    if min(inside.shape) < CELL:
        return False
    across, down = np.abs(np.diff(inside, axis=1))[1:], np.abs(np.diff(inside, axis=0))[:, 1:]
    return float((np.maximum(across, down) <= _PLAIN).mean()) < _PLAIN_SHARE
