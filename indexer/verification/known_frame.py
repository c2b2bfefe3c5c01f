"""Known frame: whether an image has the frame of a template, and whose content it shows."""

from collections.abc import Iterable
from typing import Final

import numpy as np

from indexer.verification.cell_agreement import (
    AGREES,
    CONTROLS,
    LEAST_FRAME,
    WHOLE_FRAME,
    SharedFrame,
    differs,
    share_picture,
)
from indexer.verification.cell_grid import (
    GRID,
    CellGrid,
    Cells,
    Extent,
    cells_within,
    correlate_cells,
    correlate_edges,
)
from indexer.verification.detail_agreement import DetailAgreement
from indexer.verification.image_pair import ImagePair

_LEAST_KNOWN: Final = 6  # the same of a frame that is known
_PART_OF_FRAME: Final = 0.3  # share of its cells that are enough around content that surely differs
_MEMBER: Final = 0.4  # share of them that are the same in two members; in strangers 0.28 at most
_SOME_FRAME: Final = 0.3  # share of a picture in the content that may lie in the frame
_UNLIKE: Final = 0.2  # correlation of edges of content that is another one; of copies 0.37 and more
_LEAST_SHOWN: Final = 4  # textured cells of the content of a known frame


def share_content(
    query: CellGrid,
    stored: CellGrid,
    mask: bytes,
    pictures: Iterable[Extent],
    details: DetailAgreement | None = None,
) -> bool:
    """Return whether a picture within the content of a template is the same in two images.

    Parameters
    ----------
    query, stored, mask
        As for `find_known_frame`.
    pictures : iterable of Extent
        Where either holds pictures within the picture.
    details : DetailAgreement, optional
        The local features of both.
    """
    cells = correlate_cells(query, stored)
    frame = frame_of(mask)
    contents = [extent for extent in pictures if frame[cells_within(extent)].mean() <= _SOME_FRAME]
    return cells is not None and share_picture(
        ImagePair(query, stored, cells, details), contents, 0.0
    )


def find_known_frame(
    query: CellGrid, stored: CellGrid, mask: bytes, details: DetailAgreement | None = None
) -> SharedFrame | None:
    """Find the frame of a template in a query, around content that is not the stored image's.

    Parameters
    ----------
    query, stored : CellGrid
        `stored` has the frame.
    mask : bytes
        32 bytes: 16 rows of 16 cells, 1 where the frame is.
    details : DetailAgreement, optional
        The local features of both: where there are enough, they decide about the content.

    Returns
    -------
    SharedFrame or None
        None where the query has not the frame, shares the content, or the mask leaves none.
    """
    cells = correlate_cells(query, stored)
    frame = frame_of(mask)
    if cells is None or frame.all():
        return None
    rows, columns = (np.flatnonzero((~frame).any(axis=axis)) for axis in (1, 0))
    content = Extent(
        columns[0] / GRID, rows[0] / GRID, (columns[-1] + 1) / GRID, (rows[-1] + 1) / GRID
    )
    if not _shows_other(ImagePair(query, stored, cells, details), frame, content):
        return None
    return SharedFrame(cells.same, cells.other, content)


def _shows_other(pair: ImagePair, frame: Cells, content: Extent) -> bool:
    """Return whether the content of a template is not the same in two images.

    Where little is known of the content, such as fog or a clear sky, it is taken for another one
    unless nearly all of it is the same: that both have the frame is no evidence. Local features
    that agree in place, although edges do not, are those of controls.
    """
    cells, details = pair.cells, pair.details
    textured, same = int((cells.textured & frame).sum()), int((cells.same & frame).sum())
    has_frame = same >= max(_LEAST_KNOWN, WHOLE_FRAME * textured)
    has_some = same >= max(_LEAST_KNOWN, _PART_OF_FRAME * textured)
    is_copy = pair.compare(~frame)
    if is_copy and details and details.lie_in_place(~frame):
        alike = correlate_edges(pair.query, pair.stored, ~frame)
        is_copy = alike is None or alike > _UNLIKE
    if is_copy is False and details:
        return (
            has_some
            or details.count_equal(frame) >= CONTROLS
            or (details.compare(~frame) is False and differs(pair, content))
        )
    shown, shared = int((cells.textured & ~frame).sum()), int((cells.same & ~frame).sum())
    return not is_copy and has_frame and shown >= _LEAST_SHOWN and shared < AGREES * shown


def shows_frame(image: CellGrid, members: Iterable[CellGrid], mask: bytes) -> bool:
    """Return whether an image has the frame of a template, whatever its content.

    It has if it agrees with most of its images: texts in a frame and what shines through it make a
    single pair differ.

    Parameters
    ----------
    image : CellGrid
    members : iterable of CellGrid
        Some images of the template.
    mask : bytes
        As for `find_known_frame`.
    """
    frame, agree = frame_of(mask), []
    for member in members:
        cells = correlate_cells(image, member)
        if cells is None:
            return False
        textured, same = int((cells.textured & frame).sum()), int((cells.same & frame).sum())
        agree.append(same >= max(LEAST_FRAME, _MEMBER * textured))
    return sum(agree) > len(agree) / 2


def frame_of(mask: bytes) -> Cells:
    """Return the cells that 32 bytes of a mask set."""
    return np.unpackbits(np.frombuffer(mask, np.uint8)).reshape(GRID, GRID).astype(bool)
