"""Rows of the tables made from images that are ready to be written."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np

from indexer.errors import DimensionMismatch, UnusableOutput
from indexer.types import NewImage, Space


def check_embeddings(images: Sequence[NewImage], space: Space) -> None:
    """Keep what no view could hold out of the log, for a view would stumble over it forever.

    Raises
    ------
    DimensionMismatch
        An embedding is not of shape (d,), with the d of the space.
    UnusableOutput
        An embedding is not finite.
    """
    for image in images:
        if image.embedding.shape != (space.dimension,):
            raise DimensionMismatch(expected=space.dimension, got=image.embedding.size)
    finite = np.isfinite([image.embedding for image in images]).all(axis=1)
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


def embedding_rows(images: Mapping[int, NewImage], space: Space) -> list[dict[str, Any]]:
    """Return the rows of `embeddings`; the images come by id."""
    return [
        {"image_id": image_id, "space_id": space.id, "vector": image.embedding}
        for image_id, image in images.items()
    ]


def classification_rows(images: Mapping[int, NewImage], space: Space) -> list[dict[str, Any]]:
    """Return the rows of `classifications`; the images come by id."""
    return [
        {
            "image_id": image_id,
            "space_id": space.id,
            "top_label": space.labels[int(image.probabilities.argmax())],
            "probabilities": dict(zip(space.labels, image.probabilities.tolist(), strict=True)),
        }
        for image_id, image in images.items()
    ]
