"""Cell agreement: where two images of one layout show the same, and where other content.

Screenshots of one application share its frame and differ in what they show. Both images are
reduced to one square and divided into cells. Cells that correlate show the same; the largest
rectangle of cells that do not is the *content*, if its fingerprints differ, too, and if straight
edges bound it in both images. The last condition tells a frame from a copy onto which another
picture was pasted: the original has no edges there.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, product
from typing import Final

import numpy as np
from numpy.typing import NDArray

from indexer.images import fingerprints
from indexer.images.fingerprints import hamming
from indexer.types import Pdq
from indexer.verification.cell_grid import (
    CELL,
    GRID,
    SIDE,
    CellGrid,
    CellMap,
    Cells,
    Extent,
    cells_within,
    correlate_cells,
    is_picture,
)
from indexer.verification.detail_agreement import DetailAgreement
from indexer.verification.image_pair import ImagePair
from indexer.verification.thumbnails import Grey

_SOLID: Final = 0.85  # share of a rectangle's textured cells that must show something else
_DENSE: Final = 0.4  # share of its cells that must be textured
_LEAST_CONTENT: Final = 8  # textured cells of the content
LEAST_FRAME: Final = 10  # cells of the frame that show the same
_UNRELATED: Final = 90  # bits; two random PDQ differ by 128 ± 8, edited copies rarely by that
_LEAST_QUALITY: Final = 40  # of PDQ, below which a flat rectangle is no content
WHOLE_FRAME: Final = 0.6  # share of the textured cells around the content that must be the same
_NEARLY_ALL: Final = 0.6  # share of textured cells that differ from which no edges are asked
_NEARLY_WHOLE: Final = 0.68  # share of the image that the content then is, at least
_OVERLAID: Final = 0.7  # share of textured cells that differ under an overlay of controls
_WHOLE: Final = 0.8  # share of the image that lies under it, at least
_MOST: Final = 0.6  # share of the image under controls that are told by their details
CONTROLS: Final = 4  # details of them at the same places
_PICTURE_FRAME: Final = 30  # cells around other pictures at one place that show the same
_PICTURE_SHARE: Final = 0.2  # share of the textured ones that these are: texts differ
_LEAST_AREA: Final = 0.02  # share of the image of such a picture
_LEAST_OTHER_PICTURE: Final = 6  # cells of it that differ
_WITHIN: Final = 0.7  # share of an image that a picture within it has, at most: not it trimmed
_DRAWN: Final = 0.25  # share around the content that is of one level; photos have 0.1 to 0.2
_ONE_LEVEL: Final = 0.1  # levels between neighbours that are the same
_ENDS: Final = 3  # cells along a side up to which the ends count
_MOSTLY: Final = 0.5  # share of the textured cells of a place that differ
_HARDLY: Final = 0.35  # share of them that may be the same: both may be light above, dark below
_STEP: Final = 6  # levels between neighbours across an edge
_EDGE: Final = 0.5  # share of a side that must be an edge, at the same place in both images
_PEAK: Final = 2.0  # share of a line that is an edge, over that of the lines around it
_SIDES: Final = 3  # sides that must be edges
AGREES: Final = 0.75  # share of textured cells in a box that show the same content
_AT_PLACE: Final = 0.4  # overlap of two pictures, or of one with the content, at one place
_AS_LARGE: Final = 0.5  # of a picture that agrees, over the area that does not
_LARGE: Final = 0.08  # share of the image from which a picture is large enough anyway
_LEAST_PICTURE: Final = 4  # textured cells of a picture that agrees


@dataclass(frozen=True, slots=True)
class SharedFrame:
    """What two images of one layout have in common, and the content that differs."""

    same: Cells  # textured and equal: the frame
    other: Cells  # textured and different
    content: Extent  # the rectangle that shows something else


_Places = tuple[Sequence[Extent], Sequence[Extent]]
"""Where the query and the stored image hold pictures within the picture."""


def find_shared_frame(
    query: CellGrid,
    stored: CellGrid,
    pictures: Sequence[Extent] = (),
    stored_pictures: Sequence[Extent] = (),
    *,
    bounded: bool = True,
    details: DetailAgreement | None = None,
) -> SharedFrame | None:
    """Find a frame that two images share while they show different content.

    Parameters
    ----------
    query, stored : CellGrid
    pictures, stored_pictures : sequence of Extent
        Where each holds pictures within the picture. If a large one beside the content that differs
        is the same in both, the images share content. If each has one where the content is, that
        bounds the content as well as edges do.
    bounded : bool
        Whether something must bound the content; otherwise a copy onto which a picture was pasted
        shares a frame with its original, too. The query is then taken to hold pictures where the
        stored image does, for its own may not be known yet.
    details : DetailAgreement, optional
        The local features of both. Where a rectangle has enough, they decide whether it shows the
        same. If some are the same at the same places, that is a frame, such as controls over a
        photo, even if nearly all of the images differs.

    Returns
    -------
    SharedFrame or None
        None where the images have another layout, show the same, or have nothing in common.
    """
    cells = correlate_cells(query, stored)
    if cells is None or cells.other.sum() < _LEAST_CONTENT:
        return None
    pair = ImagePair(query, stored, cells, details)
    inside = [picture for picture in stored_pictures if picture.area <= _WITHIN]
    places = ([p for p in pictures if p.area <= _WITHIN] if bounded else inside), inside
    content = _content(cells)
    found = content and (
        _is_framed(pair, content, places, bounded=bounded)
        or ((pair.is_aligned or not bounded) and _is_overlaid(pair, content))
        or _is_drawn_over(pair, content)
    )
    if not found:
        picture = _other_picture(pair, places)
        if picture is None:
            return None
        content = picture.joined(content) if content else picture
    if content is None or _is_mirrored(pair):
        return None
    return SharedFrame(cells.same, cells.other, content)


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


def _is_framed(pair: ImagePair, content: Extent, places: _Places, *, bounded: bool) -> bool:
    """Return whether most around the content is the same, and something bounds the content."""
    cells = pair.cells
    same, other = int(cells.same.sum()), int(cells.other.sum())
    nearly_all = other >= _NEARLY_ALL * (other + same) and content.area >= _NEARLY_WHOLE
    return (
        ((pair.is_aligned and nearly_all) or _has_frame(cells, content))
        and differs(pair, content)
        and not pair.is_copy(content)
        and not _share_beside(pair, content, places)
        and (
            not bounded
            or (
                _is_drawn(pair, content)
                and (
                    nearly_all
                    or any(
                        min(place.overlap(content) for place in places) >= _AT_PLACE
                        and _is_other(pair, both)
                        for *places, both in _at_one_place(places)
                    )
                    or _is_bounded(pair, content)
                )
            )
        )
    )


def _is_overlaid(pair: ImagePair, content: Extent) -> bool:
    """Return whether only few details are the same, all over two images that show other things.

    If the images were copies of each other, what is around details at the same place would be the
    same, too. So no fingerprint is asked: both may be dark above and below.
    """
    same, other = int(pair.cells.same.sum()), int(pair.cells.other.sum())
    return (
        same >= LEAST_FRAME
        and content.area >= _WHOLE
        and other >= _OVERLAID * (other + same)
        and not pair.is_copy(content)
    )


def _is_drawn_over(pair: ImagePair, content: Extent) -> bool:
    """Return whether most of the images shows something else under details at the same places."""
    same, other = int(pair.cells.same.sum()), int(pair.cells.other.sum())
    return (
        pair.details is not None
        and content.area >= _MOST
        and other >= _NEARLY_ALL * (other + same)
        and pair.details.count_equal() >= CONTROLS
        and pair.is_copy(content) is False
    )


def _other_picture(pair: ImagePair, places: _Places) -> Extent | None:
    """Return where both hold a picture, another one in each, within much that is the same."""
    for one, other, both in _at_one_place(places):
        around = np.ones_like(pair.cells.same)
        around[cells_within(one.joined(other))] = False
        frame = int((pair.cells.same & around).sum())
        textured = int((pair.cells.textured & around).sum())
        if (
            frame >= max(_PICTURE_FRAME, _PICTURE_SHARE * textured)
            and min(one.area, other.area) >= _LEAST_AREA
            and (is_picture(pair.query.grey, one) or is_picture(pair.stored.grey, other))
            and int(pair.cells.other[cells_within(both)].sum()) >= _LEAST_OTHER_PICTURE
            and _is_other(pair, both)
            and differs(pair, both)
            and not _share_beside(pair, one.joined(other), places)
            and _is_drawn(pair, one.joined(other))
        ):
            return both
    return None


def _at_one_place(places: _Places) -> Iterator[tuple[Extent, Extent, Extent]]:
    """Yield pictures of both images at one place, and what both cover."""
    for one, other in product(*places):
        if one.overlap(other) >= _AT_PLACE:
            yield one, other, one.common(other)


def _is_other(pair: ImagePair, place: Extent) -> bool:
    """Return whether a rectangle shows something else, and hardly anything that is the same.

    Its outermost cells do not count where others are left: they have its border.
    """
    copy = pair.is_copy(place)
    if copy is not None:
        return not copy
    cells, inside = pair.cells, tuple(_without_ends(along) for along in cells_within(place))
    same, other, textured = (
        int(each[inside].sum()) for each in (cells.same, cells.other, cells.textured)
    )
    return other >= _MOSTLY * textured and same <= _HARDLY * textured


def _is_drawn(pair: ImagePair, content: Extent) -> bool:
    """Return whether much around the content is of one level exactly, as in pages and controls.

    Around a picture that was pasted onto a photo, hardly anything is.
    """
    around = np.ones((SIDE, SIDE), bool)
    left, top, right, bottom = (round(SIDE * share) for share in content)
    around[top:bottom, left:right] = False
    if not around.any():
        return True
    squares = pair.query.square, pair.stored.square
    return max(float(_is_level(square)[around].mean()) for square in squares) >= _DRAWN


def _is_level(square: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return which pixels are as the ones to the left and above."""
    across = np.diff(square, axis=1, prepend=square[:, :1])
    down = np.diff(square, axis=0, prepend=square[:1])
    level: NDArray[np.bool_] = np.maximum(np.abs(across), np.abs(down)) < _ONE_LEVEL
    return level


def _without_ends(cells: slice) -> slice:
    """Leave out the first and the last of at least four cells."""
    return slice(cells.start + 1, cells.stop - 1) if cells.stop - cells.start > _ENDS else cells


def _share_beside(pair: ImagePair, content: Extent, places: _Places) -> bool:
    """Return whether a large picture beside the content is the same in both."""
    beside = [place for place in chain(*places) if place.shared(content) <= content.area / 2]
    return share_picture(pair, beside, min(_AS_LARGE * content.area, _LARGE))


def _is_mirrored(pair: ImagePair) -> bool:
    """Return whether the mirrored query shows more of the stored image than the query does."""
    cells = correlate_cells(pair.query.mirrored, pair.stored)
    return cells is not None and int(cells.same.sum()) > int(pair.cells.same.sum())


def _has_frame(cells: CellMap, content: Extent) -> bool:
    """Return whether most of what lies around the content is the same."""
    around = np.ones_like(cells.same)
    around[cells_within(content)] = False
    frame, textured = int((cells.same & around).sum()), int((cells.textured & around).sum())
    return frame >= max(LEAST_FRAME, WHOLE_FRAME * textured)


def _sums(cells: Cells) -> NDArray[np.int64]:
    """Return the (17, 17) counts of cells above and to the left of each corner."""
    return np.pad(cells.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))


def differs(pair: ImagePair, content: Extent) -> bool:
    """Return whether both images show something in a rectangle, and not the same."""
    ours, theirs = (_hash(image.grey, content) for image in (pair.query, pair.stored))
    if min(ours.quality, theirs.quality) < _LEAST_QUALITY:
        return False
    bits = [np.frombuffer(each.bits, np.uint8)[np.newaxis] for each in (ours, theirs)]
    return int(hamming(*bits)[0, 0]) >= _UNRELATED


def _hash(grey: Grey, extent: Extent) -> Pdq:
    height, width = grey.shape
    rows = slice(int(extent.top * height), int(extent.bottom * height))
    columns = slice(int(extent.left * width), int(extent.right * width))
    return fingerprints.pdq(np.repeat(grey[rows, columns, np.newaxis], 3, axis=2))


def share_picture(pair: ImagePair, pictures: Iterable[Extent], least_area: float) -> bool:
    """Return whether one of some rectangles is large enough, a picture, and the same in both.

    Of a picture that has too little to tell, PDQ hashes must not differ either. A panel whose
    details recur in images of a template is no picture.
    """
    for extent in pictures:
        inside = cells_within(extent)
        textured, same = pair.cells.textured[inside].sum(), pair.cells.same[inside].sum()
        if (
            textured >= max(_LEAST_PICTURE, least_area * GRID**2)
            and same >= AGREES * textured
            and (is_picture(pair.query.grey, extent) or is_picture(pair.stored.grey, extent))
            and (is_copy := pair.is_copy(extent)) is not False
            and (is_copy or not differs(pair, extent))
            and not (pair.details and pair.details.recur_in(extent))
        ):
            return True
    return False


def _is_bounded(pair: ImagePair, content: Extent) -> bool:
    """Return whether straight edges, the same in both images, bound a rectangle on three sides."""
    left, top, right, bottom = (round(SIDE * share) for share in content)
    across, down = (_edges((pair.query.square, pair.stored.square), axis) for axis in (0, 1))
    sides = (
        (across, top, slice(left, right)),
        (across, bottom, slice(left, right)),
        (down, left, slice(top, bottom)),
        (down, right, slice(top, bottom)),
    )
    return sum(_share_edge(*side) for side in sides if 0 < side[1] < SIDE) >= _SIDES


def _edges(
    squares: tuple[NDArray[np.float32], NDArray[np.float32]], axis: int
) -> NDArray[np.bool_]:
    """Return where neighbours along an axis differ, (2 images, lines, along)."""
    steps = (np.abs(np.diff(square, axis=axis)) > _STEP for square in squares)
    return np.stack([step if axis == 0 else step.T for step in steps])


def _share_edge(edges: NDArray[np.bool_], place: int, along: slice) -> bool:
    """Return whether the clearest edge of either image near a place is an edge of the other, too.

    Elsewhere around it there must be fewer edges: texture has edges everywhere.
    """
    near = edges[:, max(0, place - CELL - 2) : place + CELL + 2, along]
    shares = (near[:, :-1] | near[:, 1:]).mean(axis=2)  # of a line, but for a pixel to either side
    least = np.maximum(_EDGE, _PEAK * np.median(shares, axis=1))
    clearest = shares.argmax(axis=1)
    return all(
        (shares[:, max(0, line - 1) : line + 2].max(axis=1) >= least).all() for line in clearest
    )
