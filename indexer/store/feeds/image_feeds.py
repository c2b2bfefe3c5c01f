"""Feeds of images: embeddings, and PDQ fingerprints."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, Connection, Executable, Select, func, literal, select
from sqlalchemy.orm import InstrumentedAttribute

from indexer.errors import DimensionMismatch
from indexer.store.feeds.feed import Feed, Ids, stack_bits
from indexer.store.images.rows import WHOLE
from indexer.store.models import ChangeRow, EmbeddingRow, ImageRow, PartRow
from indexer.store.store import Store
from indexer.types import Vectors


class _ImageFeed(Feed):
    """What the feeds of images share: an image has a vector for each of its parts."""

    def _shorten(self, connection: Connection, after: int, watermark: int, limit: int) -> int:
        touched = self._touched(after, watermark)
        statement = (
            select(PartRow.image_id, func.count())
            .where(PartRow.image_id.in_(touched))
            .group_by(PartRow.image_id)
        )
        parts = dict(connection.execute(statement).all())
        if not parts:
            return watermark
        vectors = 0
        in_order = touched.with_only_columns(ChangeRow.subject_id, ChangeRow.number)
        for image_id, number in connection.execute(in_order.order_by(ChangeRow.number)):
            vectors += 1 + parts.pop(image_id, 0)  # an image that is named twice is read once
            if vectors > limit:
                return max(number - 1, after + 1)  # one change at least, or there is no progress
        return watermark

    def _purged(self, connection: Connection, touched: Select[int] | None = None) -> Sequence[int]:
        purged = select(ImageRow.id).where(
            ImageRow.removed_at.is_not(None),  # as all purged ones are: it has an index
            ImageRow.purged_at.is_not(None),
        )
        if touched is not None:
            purged = purged.where(ImageRow.id.in_(touched))
        return connection.scalars(purged).all()


class EmbeddingFeed(_ImageFeed):
    """The log for a view of one space's embeddings: vectors of shape (n, d) float32.

    The key of an image comes once for the whole first frame and once for each of its parts.
    """

    def __init__(self, store: Store, space_id: int) -> None:
        """Look the space up.

        Raises
        ------
        NotFoundError
            There is no such space.
        """
        super().__init__(store)
        with store.reader() as catalog:
            self._space = catalog.spaces.get(space_id)

    def _present(self, ids: Ids) -> Executable:
        return (
            self._select(EmbeddingRow.image_id, EmbeddingRow.part, EmbeddingRow.vector)
            .where(EmbeddingRow.image_id.in_(ids))
            .order_by(EmbeddingRow.image_id, EmbeddingRow.part)
        )

    def _holders(self) -> Executable:
        return self._select(EmbeddingRow.image_id)

    def _select(self, *columns: InstrumentedAttribute[Any]) -> Select[Any]:
        return (
            select(*columns)
            .join(ImageRow, ImageRow.id == EmbeddingRow.image_id)
            .where(EmbeddingRow.space_id == self._space.id, ImageRow.removed_at.is_(None))
        )

    def _stack(self, values: Sequence[Any]) -> Vectors:
        dimension = self._space.dimension
        if wrong := [len(value) for value in values if len(value) != dimension]:
            raise DimensionMismatch(expected=dimension, got=wrong[0])
        return np.array(values, np.float32).reshape(len(values), dimension)


class PdqFeed(_ImageFeed):
    """The log for a view of PDQ fingerprints: vectors of shape (n, 32) uint8.

    The key of an image comes once for each of its pictures that can be hashed: the whole first
    frame, and the parts.
    """

    def __init__(self, store: Store, min_quality: int) -> None:
        """Leave out pictures whose PDQ quality (0 to 100) is below `min_quality`."""
        super().__init__(store)
        self._min_quality = min_quality

    def _present(self, ids: Ids) -> Executable:
        whole = self._of_whole(ImageRow.id, literal(WHOLE).label("part"), ImageRow.pdq)
        parts = self._of_parts(PartRow.image_id, PartRow.part, PartRow.pdq)
        return (
            whole.where(ImageRow.id.in_(ids))
            .union_all(parts.where(PartRow.image_id.in_(ids)))
            .order_by("id", "part")
        )

    def _holders(self) -> Executable:
        return self._of_whole(ImageRow.id).union_all(self._of_parts(PartRow.image_id))

    def _of_whole(self, *columns: ColumnElement[Any] | InstrumentedAttribute[Any]) -> Select[Any]:
        return select(*columns).where(
            ImageRow.removed_at.is_(None), ImageRow.pdq_quality >= self._min_quality
        )

    def _of_parts(self, *columns: InstrumentedAttribute[Any]) -> Select[Any]:
        return (
            select(*columns)
            .join(ImageRow, ImageRow.id == PartRow.image_id)
            .where(ImageRow.removed_at.is_(None), PartRow.pdq_quality >= self._min_quality)
        )

    def _stack(self, values: Sequence[Any]) -> Vectors:
        return stack_bits(values)
