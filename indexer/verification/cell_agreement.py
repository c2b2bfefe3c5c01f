"""Cell agreement: where two images of one layout show the same, and where other content.

Screenshots of one application share its frame and differ in what they show. Both images are
reduced to one square and divided into cells. Cells that correlate show the same; the largest
rectangle of cells that do not is the *content*, if its fingerprints differ, too, and if straight
edges bound it in both images. The last condition tells a frame from a copy onto which another
picture was pasted: the original has no edges there.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from indexer.images import fingerprints
from indexer.images.fingerprints import hamming
from indexer.types import Pdq
from indexer.verification.thumbnails import Grey

GRID: Final = 16  # cells across and down
_CELL: Final = 16  # pixels of a cell's side
_SIDE: Final = GRID * _CELL
_SAME_ASPECT: Final = 0.03  # natural logarithm of the ratio of two aspect ratios
_TEXTURE: Final = 5.0  # levels, standard deviation, from which a cell shows something
_FLAT: Final = 1.5  # levels below which it shows nothing, however it correlates
_SAME: Final = 0.8  # correlation from which a cell shows the same
_OTHER: Final = 0.5  # correlation below which it shows something else
_SOLID: Final = 0.85  # share of a rectangle's textured cells that must show something else
_DENSE: Final = 0.4  # share of its cells that must be textured
_LEAST_CONTENT: Final = 8  # textured cells of the content
_LEAST_FRAME: Final = 10  # cells of the frame that show the same
_LEAST_KNOWN: Final = 6  # the same of a frame that is known
_MEMBER: Final = 0.75  # share of the textured cells of a frame that an image with it has
_SOME_FRAME: Final = 0.3  # share of a picture in the content that may lie in the frame
_LEAST_OTHER: Final = 4  # cells of the content of a known frame that differ
_UNRELATED: Final = 90  # bits; two random PDQ differ by 128 ± 8, edited copies rarely by that
_LEAST_QUALITY: Final = 40  # of PDQ, below which a flat rectangle is no content
_WHOLE_FRAME: Final = 0.6  # share of the textured cells around the content that must be the same
_NEARLY_ALL: Final = 0.6  # share of textured cells that differ from which no edges are asked
_STEP: Final = 6  # levels between neighbours across an edge
_EDGE: Final = 0.5  # share of a side that must be an edge, at the same place in both images
_PEAK: Final = 2.0  # share of a line that is an edge, over that of the lines around it
_SIDES: Final = 2  # sides that must be edges
_PLAIN: Final = 2  # levels by which neighbours on plain ground differ
_PLAIN_SHARE: Final = 0.5  # of a page or a panel of controls that is plain ground, at least
_AGREES: Final = 0.75  # share of textured cells in a box that show the same content
_AT_PLACE: Final = 0.5  # overlap of a picture with the content from which it is that
_AS_LARGE: Final = 0.5  # of a picture that agrees, over the area that does not
_LARGE: Final = 0.08  # share of the image from which a picture is large enough anyway
_LEAST_PICTURE: Final = 4  # textured cells of a picture that agrees

Cells = NDArray[np.bool_]
"""(16, 16): rows, columns."""


class Extent(NamedTuple):
    """A rectangle as shares of an image's width and height."""

    left: float
    top: float
    right: float
    bottom: float

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


@dataclass(frozen=True, slots=True)
class SharedFrame:
    """What two images of one layout have in common, and the content that differs."""

    same: Cells  # textured and equal: the frame
    other: Cells  # textured and different
    content: Extent  # the rectangle that shows something else


@dataclass(frozen=True, slots=True)
class CellMap:
    """How the cells of two images correlate."""

    same: Cells
    other: Cells
    textured: Cells  # in either image
    squares: tuple[NDArray[np.float32], NDArray[np.float32]]  # (256, 256) each


def correlate_cells(query: Grey, stored: Grey) -> CellMap | None:
    """Correlate the cells of two images; None if their aspect ratios differ.

    Parameters
    ----------
    query, stored : ndarray of shape (h, w), uint8
        As `shrink` and `read_thumbnail` give them.
    """
    aspects = [image.shape[1] / image.shape[0] for image in (query, stored)]
    if abs(np.log(aspects[0] / aspects[1])) > _SAME_ASPECT:
        return None
    squares = _square(query), _square(stored)
    ours, theirs = (_centred(square) for square in squares)
    deviations = ours.std(axis=(2, 3)), theirs.std(axis=(2, 3))
    textured = np.maximum(*deviations) > _TEXTURE
    products = (ours * theirs).mean(axis=(2, 3))
    correlation = products / np.maximum(deviations[0] * deviations[1], 1e-3)
    correlation[np.minimum(*deviations) < _FLAT] = 0
    same, other = textured & (correlation > _SAME), textured & (correlation < _OTHER)
    return CellMap(same, other, textured, squares)


def find_shared_frame(
    query: Grey,
    stored: Grey,
    pictures: Sequence[Extent] = (),
    stored_pictures: Sequence[Extent] = (),
    *,
    in_place: bool = False,
    bounded: bool = True,
) -> SharedFrame | None:
    """Find a frame that two images share while they show different content.

    Parameters
    ----------
    query, stored : ndarray of shape (h, w), uint8
        As `shrink` and `read_thumbnail` give them.
    pictures, stored_pictures : sequence of Extent
        Where each holds pictures within the picture. If a large one beside the content that differs
        is the same in both, the images share content. If each has one where the content is, that
        bounds the content as well as edges do.
    in_place : bool
        Whether both have details in common at the same places. Then it is a frame, such as controls
        over a photo, even if nearly all of the images differs.
    bounded : bool
        Whether something must bound the content; otherwise a copy onto which a picture was pasted
        shares a frame with its original, too.

    Returns
    -------
    SharedFrame or None
        None where the images have another layout, show the same, or have nothing in common.
    """
    cells = correlate_cells(query, stored)
    content = _content(cells) if cells else None
    if cells is None or content is None or not _differs(query, stored, content):
        return None
    beside = [
        extent
        for extent in (*pictures, *stored_pictures)
        if extent.shared(content) <= content.area / 2
    ]
    if _share_picture(query, cells, beside, min(_AS_LARGE * content.area, _LARGE)):
        return None
    same, other = int(cells.same.sum()), int(cells.other.sum())
    nearly_all = other >= _NEARLY_ALL * (other + same)
    if not (in_place and nearly_all) and not _has_frame(cells, content):
        return None
    framed = all(
        any(extent.overlap(content) >= _AT_PLACE for extent in extents)
        for extents in (pictures, stored_pictures)
    )
    if bounded and not (nearly_all or framed or _is_bounded(cells, content)):
        return None
    if _is_mirrored(query, stored, same):
        return None
    return SharedFrame(cells.same, cells.other, content)


def share_content(query: Grey, stored: Grey, mask: bytes, pictures: Iterable[Extent]) -> bool:
    """Return whether a picture within the content of a template is the same in two images.

    Parameters
    ----------
    query, stored, mask
        As for `find_known_frame`.
    pictures : iterable of Extent
        Where either holds pictures within the picture.
    """
    cells = correlate_cells(query, stored)
    frame = _frame_of(mask)
    contents = [extent for extent in pictures if frame[_inside(extent)].mean() <= _SOME_FRAME]
    return cells is not None and _share_picture(query, cells, contents, 0.0)


def find_known_frame(query: Grey, stored: Grey, mask: bytes) -> SharedFrame | None:
    """Find the frame of a template in a query, around content that is not the stored image's.

    Parameters
    ----------
    query, stored : ndarray of shape (h, w), uint8
        As for `find_shared_frame`; `stored` has the frame.
    mask : bytes
        32 bytes: 16 rows of 16 cells, 1 where the frame is.

    Returns
    -------
    SharedFrame or None
        None where the query has not the frame, or shares the content.
    """
    cells = correlate_cells(query, stored)
    if cells is None:
        return None
    frame = _frame_of(mask)
    textured, same = int((cells.textured & frame).sum()), int((cells.same & frame).sum())
    others, shared = int((cells.other & ~frame).sum()), int((cells.same & ~frame).sum())
    if same < max(_LEAST_KNOWN, _WHOLE_FRAME * textured) or others < max(_LEAST_OTHER, shared):
        return None
    rows, columns = (np.flatnonzero((~frame).any(axis=axis)) for axis in (1, 0))
    content = Extent(
        columns[0] / GRID, rows[0] / GRID, (columns[-1] + 1) / GRID, (rows[-1] + 1) / GRID
    )
    return SharedFrame(cells.same, cells.other, content)


def shows_frame(image: Grey, stored: Grey, mask: bytes) -> bool:
    """Return whether an image has the frame of a template, whatever its content.

    Parameters
    ----------
    image, stored : ndarray of shape (h, w), uint8
        As for `find_shared_frame`; `stored` has the frame.
    mask : bytes
        As for `find_known_frame`.
    """
    cells = correlate_cells(image, stored)
    if cells is None:
        return False
    frame = _frame_of(mask)
    textured, same = int((cells.textured & frame).sum()), int((cells.same & frame).sum())
    return same >= max(_LEAST_FRAME, _MEMBER * textured)


def _frame_of(mask: bytes) -> Cells:
    """Return the cells that 32 bytes of a mask set."""
    return np.unpackbits(np.frombuffer(mask, np.uint8)).reshape(GRID, GRID).astype(bool)


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
    if min(inside.shape) < _CELL:
        return False
    across, down = np.abs(np.diff(inside, axis=1))[1:], np.abs(np.diff(inside, axis=0))[:, 1:]
    return float((np.maximum(across, down) <= _PLAIN).mean()) < _PLAIN_SHARE


def _square(grey: Grey) -> NDArray[np.float32]:
    """Return an image as (256, 256) levels, slightly blurred."""
    reduced = Image.fromarray(grey).resize((_SIDE, _SIDE), Image.Resampling.BOX)
    return np.asarray(reduced.filter(ImageFilter.GaussianBlur(1)), np.float32)


def _centred(square: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the cells of a square around their mean levels, (16, 16, 16, 16)."""
    cells = square.reshape(GRID, _CELL, GRID, _CELL).swapaxes(1, 2)
    centred: NDArray[np.float32] = cells - cells.mean(axis=(2, 3), keepdims=True)
    return centred


def _content(cells: CellMap) -> Extent | None:
    """Return the rectangle with most cells that differ and hardly any that do not."""
    tops, bottoms = np.triu_indices(GRID + 1, 2)  # of all rectangles at least two cells high
    sums = _sums(cells.other), _sums(cells.other | cells.same)
    bands = (each[bottoms] - each[tops] for each in sums)
    # (bands, left, right): negative where right is not to the right of left
    other, counted = (band[:, np.newaxis, :] - band[:, :, np.newaxis] for band in bands)
    steps = np.arange(GRID + 1)
    widths = steps[np.newaxis] - steps[:, np.newaxis]
    areas = (bottoms - tops)[:, np.newaxis, np.newaxis] * widths
    fits = (widths > 1) & (other >= _SOLID * counted) & (other >= _DENSE * areas)
    found = np.where(fits, other, 0)
    if found.max() < _LEAST_CONTENT:
        return None
    band, left, right = np.unravel_index(found.argmax(), found.shape)
    edges = left, tops[band], right, bottoms[band]
    return Extent(*(float(edge) / GRID for edge in edges))


def _is_mirrored(query: Grey, stored: Grey, same: int) -> bool:
    """Return whether the mirrored query shows more of the stored image than the query does."""
    cells = correlate_cells(query[:, ::-1], stored)
    return cells is not None and int(cells.same.sum()) > same


def _has_frame(cells: CellMap, content: Extent) -> bool:
    """Return whether most of what lies around the content is the same."""
    around = np.ones_like(cells.same)
    around[_inside(content)] = False
    frame, textured = int((cells.same & around).sum()), int((cells.textured & around).sum())
    return frame >= max(_LEAST_FRAME, _WHOLE_FRAME * textured)


def _sums(cells: Cells) -> NDArray[np.int64]:
    """Return the (17, 17) counts of cells above and to the left of each corner."""
    return np.pad(cells.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))


def _inside(extent: Extent) -> tuple[slice, slice]:
    """Return the rows and columns of the cells that lie in a rectangle, but for a sliver."""
    left, top, right, bottom = (GRID * share for share in extent)
    return _cells_between(top, bottom), _cells_between(left, right)


def _cells_between(start: float, stop: float) -> slice:
    """Return the cells along one axis, at least one."""
    first = min(GRID - 1, int(np.ceil(start - 0.25)))
    return slice(first, max(first + 1, int(stop + 0.25)))


def _differs(query: Grey, stored: Grey, content: Extent) -> bool:
    """Return whether both images show something in a rectangle, and not the same."""
    ours, theirs = (_hash(image, content) for image in (query, stored))
    if min(ours.quality, theirs.quality) < _LEAST_QUALITY:
        return False
    bits = [np.frombuffer(each.bits, np.uint8)[np.newaxis] for each in (ours, theirs)]
    return int(hamming(*bits)[0, 0]) >= _UNRELATED


def _hash(grey: Grey, extent: Extent) -> Pdq:
    height, width = grey.shape
    rows = slice(int(extent.top * height), int(extent.bottom * height))
    columns = slice(int(extent.left * width), int(extent.right * width))
    return fingerprints.pdq(np.repeat(grey[rows, columns, np.newaxis], 3, axis=2))


def _share_picture(
    query: Grey, cells: CellMap, pictures: Iterable[Extent], least_area: float
) -> bool:
    """Return whether one of some rectangles is large enough, a picture, and the same in both."""
    return any(
        extent.area >= least_area
        and cells.textured[_inside(extent)].sum() >= _LEAST_PICTURE
        and cells.same[_inside(extent)].sum() >= _AGREES * cells.textured[_inside(extent)].sum()
        and is_picture(query, extent)
        for extent in pictures
    )


def _is_bounded(cells: CellMap, content: Extent) -> bool:
    """Return whether straight edges, the same in both images, bound a rectangle on two sides."""
    left, top, right, bottom = (round(_SIDE * share) for share in content)
    across, down = (_edges(cells, axis) for axis in (0, 1))
    sides = (
        (across, top, slice(left, right)),
        (across, bottom, slice(left, right)),
        (down, left, slice(top, bottom)),
        (down, right, slice(top, bottom)),
    )
    return sum(_share_edge(*side) for side in sides if 0 < side[1] < _SIDE) >= _SIDES


def _edges(cells: CellMap, axis: int) -> NDArray[np.bool_]:
    """Return where neighbours along an axis differ, (2 images, lines, along)."""
    steps = (np.abs(np.diff(square, axis=axis)) > _STEP for square in cells.squares)
    return np.stack([step if axis == 0 else step.T for step in steps])


def _share_edge(edges: NDArray[np.bool_], place: int, along: slice) -> bool:
    """Return whether the clearest edge of either image near a place is an edge of the other, too.

    Elsewhere around it there must be fewer edges: texture has edges everywhere.
    """
    near = edges[:, max(0, place - _CELL - 2) : place + _CELL + 2, along]
    shares = (near[:, :-1] | near[:, 1:]).mean(axis=2)  # of a line, but for a pixel to either side
    least = np.maximum(_EDGE, _PEAK * np.median(shares, axis=1))
    clearest = shares.argmax(axis=1)
    return all(
        (shares[:, max(0, line - 1) : line + 2].max(axis=1) >= least).all() for line in clearest
    )
