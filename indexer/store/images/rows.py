"""Table rows of new images."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from indexer.errors import ClassifierReplaced, DimensionMismatch, UnusableOutput
from indexer.store.models.columns import plain_json
from indexer.store.values import Arrival
from indexer.types import Embeddings, NewImage, NewPart, SourceDetails, Space

WHOLE = 0
"""The number of the part that is the whole first frame."""


@dataclass(frozen=True, slots=True)
class NumberedPart:
    """A part of an image as the tables know it; the image itself is part `WHOLE`."""

    image_id: int
    number: int
    content: NewImage | NewPart


def check_embeddings(images: Sequence[NewImage], space: Space) -> None:
    """Keep what no view could hold out of the log, for a view would stumble over it forever.

    Raises
    ------
    DimensionMismatch
        An embedding is not of shape (d,), with the d of the space.
    UnusableOutput
        An embedding is not finite.
    """
    check_parts([(image, *image.parts) for image in images], space)


def check_parts(images: Iterable[Sequence[NewImage | NewPart]], space: Space) -> None:
    """Do the same as `check_embeddings` for some parts of each image."""
    rows, vectors = [], []
    for row, contents in enumerate(images):
        for content in contents:
            if content.embedding.shape != (space.dimension,):
                raise DimensionMismatch(expected=space.dimension, got=content.embedding.size)
            rows.append(row)
            vectors.append(content.embedding)
    finite = np.isfinite(vectors).all(axis=1)
    if not finite.all():
        raise UnusableOutput(
            rows=tuple(np.unique(np.array(rows)[~finite]).tolist()), model=space.model
        )


def check_semantics(vectors: Sequence[Embeddings], space: Space) -> None:
    """Refuse semantic embeddings (s,) of one space that are not equally long, or not finite.

    Raises
    ------
    DimensionMismatch, UnusableOutput
    """
    dimension = vectors[0].size
    for vector in vectors:
        if vector.shape != (dimension,):
            raise DimensionMismatch(expected=dimension, got=vector.size)
    finite = np.isfinite(vectors).all(axis=1)
    if not finite.all():
        raise UnusableOutput(rows=tuple(np.flatnonzero(~finite).tolist()), model=space.model)


def image_row(image: NewImage, now: datetime) -> dict[str, Any]:
    """Return the row of `images`, without its id."""
    return {
        "sha256": image.sha256,
        "md5": image.md5,
        "pdq": image.pdq.bits,
        "pdq_quality": image.pdq.quality,
        "width": image.width,
        "height": image.height,
        "format": image.format,
        "frame_count": image.frame_count,
        "byte_size": image.byte_size,
        "created_at": now,
    }


ERASED = {
    "md5": None,
    "pdq": None,
    "pdq_quality": None,
    "width": None,
    "height": None,
    "format": None,
    "frame_count": None,
    "byte_size": None,
}
"""What `image_row` wrote and purging takes back: all but the proof of what was deleted."""


def source_columns(arrival: Arrival) -> dict[str, Any]:
    """Return the columns of `sources` that an arrival brings up to date."""
    columns: dict[str, Any] = {"size": arrival.stamp.size, "version": arrival.stamp.version}
    details = arrival.details
    if details != SourceDetails():
        columns |= {
            "label": details.label,
            "uploader": details.uploader,
            "created_at": details.created_at,
            "free_metadata": plain_json(details.metadata),
        }
    return columns


def part_rows(parts: Iterable[NumberedPart]) -> list[dict[str, Any]]:
    """Return the rows of `parts`; the whole has none."""
    return [
        {
            "image_id": item.image_id,
            "part": item.number,
            "kind": item.content.part.kind.value,
            "number": item.content.part.number,
            "box": item.content.part.box,
            "pdq": item.content.pdq.bits,
            "pdq_quality": item.content.pdq.quality,
            "recipe": item.content.part.recipe,
        }
        for item in parts
        if isinstance(item.content, NewPart)
    ]


def check_classifier(images: Iterable[NewImage], space: Space) -> None:
    """Make sure that the probabilities of images are by the classifier of a space.

    Raises
    ------
    ClassifierReplaced
        The space has another one by now.
    """
    if any(image.classifier != space.classifier for image in images):
        raise ClassifierReplaced(space.classifier)


def embedding_rows(parts: Iterable[NumberedPart], space: Space) -> list[dict[str, Any]]:
    """Return the rows of `embeddings`."""
    return [
        {
            "image_id": item.image_id,
            "space_id": space.id,
            "part": item.number,
            "vector": item.content.embedding,
        }
        for item in parts
    ]


def classification_rows(parts: Iterable[NumberedPart], space: Space) -> list[dict[str, Any]]:
    """Return the rows of `classifications`."""
    return [
        {
            "image_id": item.image_id,
            "space_id": space.id,
            "part": item.number,
            "top_label": space.labels[int(item.content.probabilities.argmax())],
            "probabilities": dict(
                zip(space.labels, item.content.probabilities.tolist(), strict=True)
            ),
        }
        for item in parts
    ]
