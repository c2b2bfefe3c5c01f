"""The log as a view reads it: what the images that it names hold now.

A feed tells states, not events: a change says only which image to look at. Reading a stretch twice,
or together with later changes of the same images, therefore gives the same view in the end.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import InstrumentedAttribute

from indexer.store.models import ChangeRow, EmbeddingRow, ImageRow
from indexer.store.store import Store
from indexer.types import VectorChanges, Vectors


class _Feed:
    """What both feeds share; satisfies `types.ChangeFeed`."""

    def __init__(
        self, store: Store, vector: InstrumentedAttribute[Any], *conditions: ColumnElement[bool]
    ) -> None:
        self._store = store
        self._present = select(ImageRow.id, vector).where(
            ImageRow.removed_at.is_(None), *conditions
        )

    @property
    def log_id(self) -> str:
        """Identity of the log: a snapshot of another log's view must not be used."""
        return self._store.log_id

    def head(self) -> int:
        """Return the number of the last committed change; 0 for an empty log.

        Raises
        ------
        DatabaseUnavailable
            The database cannot be reached.
        """
        with self._store.reader() as catalog:
            return catalog.head()

    def read(self, after: int, limit: int) -> VectorChanges:
        """Return the effect of up to `limit` changes numbered above `after`.

        Changes that touch no image (of banks and their entries) count too: they only move the
        watermark.

        Raises
        ------
        DatabaseUnavailable
            The database cannot be reached.
        """
        with self._store.reader() as catalog:
            # numbers have no gaps, so where the stretch ends is known without reading it
            watermark = max(after, min(after + limit, catalog.head()))
            touched = select(ChangeRow.subject_id).where(
                ChangeRow.number > after,
                ChangeRow.number <= watermark,
                ChangeRow.subject == "image",
            )
            present = self._present.where(ImageRow.id.in_(touched)).order_by(ImageRow.id)
            rows = catalog.connection.execute(present).all()
            ids = catalog.connection.scalars(touched).all()
        keys = np.array([row[0] for row in rows], np.int64)
        return VectorChanges(
            watermark=watermark,
            keys=keys,
            vectors=self._stack([row[1] for row in rows]),
            removed=np.setdiff1d(np.array(ids, np.int64), keys),
        )

    def _stack(self, values: Sequence[Any]) -> Vectors:
        """Put column values into rows; the shape is right when there are none, too."""
        raise NotImplementedError


class EmbeddingFeed(_Feed):
    """The log for a view of one space's embeddings: vectors of shape (n, d) float32."""

    def __init__(self, store: Store, space_id: int) -> None:
        """Look the space up.

        Raises
        ------
        NotFoundError
            There is no such space.
        """
        with store.reader() as catalog:
            self._dimension = catalog.space_by_id(space_id).dimension
        super().__init__(
            store,
            EmbeddingRow.vector,
            EmbeddingRow.image_id == ImageRow.id,
            EmbeddingRow.space_id == space_id,
        )

    def _stack(self, values: Sequence[Any]) -> Vectors:
        return np.array(values, np.float32).reshape(len(values), self._dimension)


class PdqFeed(_Feed):
    """The log for a view of PDQ fingerprints: vectors of shape (n, 32) uint8."""

    def __init__(self, store: Store, min_quality: int) -> None:
        """Leave out images whose PDQ quality (0 to 100) is below `min_quality`."""
        super().__init__(store, ImageRow.pdq, ImageRow.pdq_quality >= min_quality)

    def _stack(self, values: Sequence[Any]) -> Vectors:
        return np.frombuffer(bytearray().join(values), np.uint8).reshape(len(values), 32)
