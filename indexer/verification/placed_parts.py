"""Placed parts: pictures within two images of one shape, and whether they differ at one place.

Screenshots of one application hold other pictures at the same place. That is known without pixels:
where the pictures lie, their hashes and their embeddings are stored with an image. Of an image and
its copy only the copy holds a picture where another one was pasted on.
"""

from collections.abc import Iterable
from functools import reduce
from itertools import product
from typing import Final, NamedTuple, Self

import numpy as np

from indexer.types import Embeddings, Fusion, ImageRecord, Part, PartKind, PdqBits
from indexer.verification.cell_grid import Extent, have_one_shape

_AT_PLACE: Final = 0.4  # overlap of two pictures at one place
_LEAST_AREA: Final = 0.02  # share of the image of a picture that is content
_WITHIN: Final = 0.5  # the same at most: beyond it a picture is the image without its border
_OTHER: Final = 10.0  # nats for two pictures, with nothing else compared, below which they differ
_SAME: Final = 12.0  # nats from which they are one
_LARGE: Final = 0.11  # share of the image from which one that is the same is no control
_AROUND: Final = 0.7  # share of a place that lies in what is around it
_UNMEASURED: Final = 257  # bits, one more than there are


class PlacedPart(NamedTuple):
    """A picture within an image."""

    extent: Extent
    pdq: PdqBits  # (1, 32) upright; (0, 32) where it is too flat
    embedding: Embeddings  # (d,)

    @property
    def is_content(self) -> bool:
        """Whether it has the size of a picture that an application shows."""
        return _LEAST_AREA <= self.extent.area <= _WITHIN


class PlacedParts(NamedTuple):
    """The pictures within one image."""

    size: tuple[int, int]  # width and height, in the pixels of the boxes
    parts: tuple[PlacedPart, ...]

    @classmethod
    def of(
        cls, size: tuple[int, int], pieces: Iterable[tuple[Part | None, PdqBits, Embeddings]]
    ) -> Self:
        """Choose those of the pieces of an image that are crops."""
        return cls(
            size,
            tuple(
                PlacedPart(Extent.of(part.box, size), pdq[:1], embedding)
                for part, pdq, embedding in pieces
                if part and part.kind is PartKind.CROP and part.box
            ),
        )

    @classmethod
    def of_record(cls, record: ImageRecord, min_quality: int) -> Self:
        """Read those of a stored image; none where its embeddings were not read."""
        return cls.of(
            (record.width, record.height),
            (
                (
                    stored.part,
                    np.frombuffer(stored.pdq.bits, np.uint8)[np.newaxis][
                        : stored.pdq.quality >= min_quality
                    ],
                    stored.embedding,
                )
                for stored in record.parts
                if stored.embedding is not None
            ),
        )

    def may_differ(self, other: "PlacedParts") -> Extent | None:
        """Return where another image holds pictures, if it has the shape of this one."""
        if not have_one_shape(self.size, other.size):
            return None
        contents = [part.extent for part in other.parts if part.is_content]
        return reduce(Extent.joined, contents) if contents else None


def find_other_content(ours: PlacedParts, theirs: PlacedParts, fusion: Fusion) -> Extent | None:
    """Find where two images of one shape hold different pictures, and no large one is the same.

    Parameters
    ----------
    ours, theirs : PlacedParts
    fusion : Fusion
        Weighs two pictures, as wholes of images are weighed.

    Returns
    -------
    Extent or None
        What all those pictures cover; None where there are none.
    """
    differing = _differing(ours, theirs, fusion)
    if not differing or share_picture(ours, theirs, fusion):
        return None
    return reduce(Extent.joined, differing)


def share_picture(ours: PlacedParts, theirs: PlacedParts, fusion: Fusion) -> bool:
    """Return whether a large picture within two images is the same, wherever it lies.

    What is cut out around different pictures at one place is a piece of the frame.
    """
    differing = _differing(ours, theirs, fusion)
    return any(
        min(one.extent.area, other.extent.area) >= _LARGE
        and not any(place.shared(one.extent) >= _AROUND * place.area for place in differing)
        and _weigh(one, other, fusion) >= _SAME
        for one, other in product(ours.parts, theirs.parts)
    )


def _differing(ours: PlacedParts, theirs: PlacedParts, fusion: Fusion) -> list[Extent]:
    """Return where two images of one shape hold different pictures."""
    if not have_one_shape(ours.size, theirs.size):
        return []
    return [
        one.extent.joined(other.extent)
        for one, other in product(ours.parts, theirs.parts)
        if one.is_content
        and other.is_content
        and len(one.pdq)
        and len(other.pdq)
        and one.extent.overlap(other.extent) >= _AT_PLACE
        and _weigh(one, other, fusion) < _OTHER
    ]


def _weigh(one: PlacedPart, other: PlacedPart, fusion: Fusion) -> float:
    """Return the log-odds that two pictures are one, by the mean bias of pictures."""
    cosine = float(one.embedding @ other.embedding)
    bits = (
        int(np.bitwise_count(one.pdq ^ other.pdq).sum())
        if len(one.pdq) and len(other.pdq)
        else _UNMEASURED
    )
    return float(fusion.weigh(cosine - fusion.bias, bits))
