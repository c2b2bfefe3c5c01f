"""Frame groups: images that share a frame around different content, directly or by others."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from indexer.types import FoundTemplate, ImageRecord, PartKind
from indexer.verification.cell_agreement import SharedFrame
from indexer.verification.cell_grid import GRID, Extent

LEAST_IMAGES: Final = 3  # from which a frame is a template: fewer tell nothing that a pair does not

Pair = tuple[int, int]
"""Two images."""


def group_frames(
    frames: Mapping[Pair, SharedFrame], taken: Collection[int] = ()
) -> Iterator[FoundTemplate]:
    """Yield the connected groups of enough images.

    Parameters
    ----------
    frames : mapping of (int, int) to SharedFrame
        Pairs of images that share a frame.
    taken : collection of int
        Images whose pairs are passed over.
    """
    parents: dict[int, int] = {}

    def root(image_id: int) -> int:
        while parents.setdefault(image_id, image_id) != image_id:
            image_id = parents[image_id]
        return image_id

    free = {
        pair: frame
        for pair, frame in frames.items()
        if pair[0] not in taken and pair[1] not in taken
    }
    for one, other in free:
        roots = sorted((root(one), root(other)))
        parents[roots[1]] = roots[0]
    groups: defaultdict[int, list[SharedFrame]] = defaultdict(list)
    for (one, _), frame in free.items():
        groups[root(one)].append(frame)
    members: defaultdict[int, list[int]] = defaultdict(list)
    for image_id in sorted(parents):
        members[root(image_id)].append(image_id)
    for first, shared in groups.items():
        if len(members[first]) >= LEAST_IMAGES:
            yield FoundTemplate(_mask(shared), tuple(members[first]))


def find_pictures(record: ImageRecord) -> list[Extent]:
    """Return where a stored image holds pictures within the picture."""
    boxes = (p.part.box for p in record.parts if p.part.kind is PartKind.CROP and p.part.box)
    return [Extent.of(box, (record.width, record.height)) for box in boxes]


def _mask(frames: Sequence[SharedFrame]) -> bytes:
    """Return the frame of a group, 1 where its pairs show the same or nothing, as 32 bytes."""
    votes: NDArray[np.int64] = sum(
        (frame.same.astype(np.int64) - frame.other for frame in frames),
        np.zeros((GRID, GRID), np.int64),
    )
    return np.packbits(votes >= 0).tobytes()
