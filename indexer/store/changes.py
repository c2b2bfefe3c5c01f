"""The log as a view reads it: what the images that it names hold now.

A feed tells states, not events: a change says only which image to look at. Reading a stretch twice,
or together with later changes of the same images, therefore gives the same view in the end.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, Connection, Executable, Row, Select, func, literal, select
from sqlalchemy.orm import InstrumentedAttribute

from indexer.errors import DimensionMismatch
from indexer.store.models import ChangeRow, EmbeddingRow, ImageRow, PartRow
from indexer.store.parameters import chunks
from indexer.store.rows import WHOLE
from indexer.store.store import Store
from indexer.types import Keys, VectorCensus, VectorChanges, Vectors

_Ids = Select[int] | Sequence[int]
_PURGED = select(ImageRow.id).where(ImageRow.purged_at.is_not(None))


class _Feed:
    """What both feeds share; satisfies `types.ChangeFeed`."""

    def __init__(self, store: Store) -> None:
        self._store = store

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

        Fewer are read where images have many parts: only a single image's can exceed `limit`
        vectors. Changes that touch no image (of banks and their entries) count too: they only move
        the watermark.

        Raises
        ------
        DatabaseUnavailable
            The database cannot be reached.
        """
        with self._store.reader() as catalog:
            # numbers have no gaps, so where the stretch ends is known without reading it
            watermark = max(after, min(after + limit, catalog.head()))
            watermark = _shorten(catalog.connection, after, watermark, limit)
            touched = _touched(after, watermark)
            rows = catalog.connection.execute(self._present(touched)).all()
            ids = catalog.connection.scalars(touched).all()
            purged = catalog.connection.scalars(_PURGED.where(ImageRow.id.in_(touched))).all()
        return self._changes(watermark, rows, ids, purged)

    def look_up(self, keys: Keys) -> VectorChanges:
        """Return the vectors that these images have now; the watermark is the log's head.

        Raises
        ------
        DatabaseUnavailable
            The database cannot be reached.
        """
        rows: list[Row[Any]] = []
        with self._store.reader() as catalog:
            watermark = catalog.head()
            for chunk in chunks(keys.tolist()):
                rows += catalog.connection.execute(self._present(chunk))
        return self._changes(watermark, rows, keys.tolist(), ())

    def census(self) -> VectorCensus:
        """Return which images have vectors now, without reading the vectors.

        Raises
        ------
        DatabaseUnavailable
            The database cannot be reached.
        """
        with self._store.reader() as catalog:
            watermark = catalog.head()
            keys = np.fromiter(catalog.connection.scalars(self._holders()), np.int64)
            purged = np.fromiter(catalog.connection.scalars(_PURGED), np.int64)
        return VectorCensus(watermark, np.sort(keys), np.sort(purged))

    def _changes(
        self, watermark: int, rows: Sequence[Row[Any]], ids: Sequence[int], purged: Sequence[int]
    ) -> VectorChanges:
        keys = np.array([row[0] for row in rows], np.int64)
        return VectorChanges(
            watermark=watermark,
            keys=keys,
            vectors=self._stack([row[-1] for row in rows]),
            removed=np.setdiff1d(np.array(ids, np.int64), keys),
            purged=np.array(purged, np.int64),
        )

    def _present(self, ids: _Ids) -> Executable:
        """Select id, part and vector of the active images among some, in that order."""
        raise NotImplementedError

    def _holders(self) -> Executable:
        """Select the id of every active image, once for each of its vectors."""
        raise NotImplementedError

    def _stack(self, values: Sequence[Any]) -> Vectors:
        """Put column values into rows; the shape is right when there are none, too."""
        raise NotImplementedError


class EmbeddingFeed(_Feed):
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
            self._space = catalog.space_by_id(space_id)

    def _present(self, ids: _Ids) -> Executable:
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


class PdqFeed(_Feed):
    """The log for a view of PDQ fingerprints: vectors of shape (n, 32) uint8.

    The key of an image comes once for each of its pictures that can be hashed: the whole first
    frame, and the parts.
    """

    def __init__(self, store: Store, min_quality: int) -> None:
        """Leave out pictures whose PDQ quality (0 to 100) is below `min_quality`."""
        super().__init__(store)
        self._min_quality = min_quality

    def _present(self, ids: _Ids) -> Executable:
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
        return np.frombuffer(bytearray().join(values), np.uint8).reshape(len(values), 32)


def _touched(after: int, watermark: int) -> Select[int]:
    """Select the ids of the images that a stretch of the log names."""
    return select(ChangeRow.subject_id).where(
        ChangeRow.number > after, ChangeRow.number <= watermark, ChangeRow.subject == "image"
    )


def _shorten(connection: Connection, after: int, watermark: int, limit: int) -> int:
    """Return where a stretch of the log must end to hold no more than `limit` vectors."""
    touched = _touched(after, watermark)
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
