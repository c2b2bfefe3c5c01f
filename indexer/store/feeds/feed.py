"""Feed: the change log as a view reads it.

A feed tells states, not events: a change says only what to look at. Reading a stretch twice, or
together with later changes of the same things, therefore gives the same view in the end.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from sqlalchemy import Connection, Executable, Row, Select, select

from indexer.store.models import ChangeRow
from indexer.store.sql_parameters import chunks
from indexer.store.store import Store
from indexer.types import Keys, PdqBits, VectorChanges, VectorKeys, Vectors

Ids = Select[int] | Sequence[int]
"""Ids, or a statement that selects them."""


class Feed(ABC):
    """What all feeds share; satisfies `types.ChangeFeed`."""

    subject: ClassVar[str] = "image"
    """What a key of the feed is the id of: an image or an entry."""

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
            return catalog.log.head()

    def mark(self, number: int) -> str | None:
        """Return what tells a change from any other that ever had its number.

        A database that was restored from a backup and written to again has other changes under the
        numbers that it had used before.

        Returns
        -------
        str or None
            What changed, how and when; empty for 0, None where the log has no such change.

        Raises
        ------
        DatabaseUnavailable
            The database cannot be reached.
        """
        if number == 0:
            return ""
        with self._store.reader() as catalog:
            return catalog.log.mark(number)

    def read(self, after: int, limit: int) -> VectorChanges:
        """Return the effect of up to `limit` changes numbered above `after`.

        Fewer are read where images have many parts: only a single image's can exceed `limit`
        vectors. Changes of other subjects count too: they only move the watermark.

        Raises
        ------
        DatabaseUnavailable
            The database cannot be reached.
        """
        with self._store.reader() as catalog:
            # numbers have no gaps, so where the stretch ends is known without reading it
            watermark = max(after, min(after + limit, catalog.log.head()))
            watermark = self._shorten(catalog.connection, after, watermark, limit)
            touched = self._touched(after, watermark)
            rows = catalog.connection.execute(self._present(touched)).all()
            ids = catalog.connection.scalars(touched).all()
            purged = self._purged(catalog.connection, touched)
        return self._changes(watermark, rows, ids, purged)

    def look_up(self, keys: Keys) -> VectorChanges:
        """Return the vectors that these keys have now; the watermark is the log's head.

        Raises
        ------
        DatabaseUnavailable
            The database cannot be reached.
        """
        rows: list[Row[Any]] = []
        with self._store.reader() as catalog:
            watermark = catalog.log.head()
            for chunk in chunks(keys.tolist()):
                rows += catalog.connection.execute(self._present(chunk))
        return self._changes(watermark, rows, keys.tolist(), ())

    def all_keys(self) -> VectorKeys:
        """Return which keys have vectors now, without reading the vectors.

        Raises
        ------
        DatabaseUnavailable
            The database cannot be reached.
        """
        with self._store.reader() as catalog:
            watermark = catalog.log.head()
            keys = np.fromiter(catalog.connection.scalars(self._holders()), np.int64)
            purged = np.array(self._purged(catalog.connection), np.int64)
        return VectorKeys(watermark, np.sort(keys), np.sort(purged))

    def _touched(self, after: int, watermark: int) -> Select[int]:
        """Select the ids that a stretch of the log names."""
        return select(ChangeRow.subject_id).where(
            ChangeRow.number > after,
            ChangeRow.number <= watermark,
            ChangeRow.subject == self.subject,
        )

    def _shorten(self, connection: Connection, after: int, watermark: int, limit: int) -> int:  # noqa: ARG002 -- feeds of several vectors a key need them
        """Return where a stretch of the log must end to hold no more than `limit` vectors."""
        return watermark

    def _purged(self, connection: Connection, touched: Select[int] | None = None) -> Sequence[int]:  # noqa: ARG002 -- likewise
        """Return of which of the ids, or of all, nothing may keep a vector."""
        return ()

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

    @abstractmethod
    def _present(self, ids: Ids) -> Executable:
        """Select id and vector, the last column, of what is active among some ids, by id."""

    @abstractmethod
    def _holders(self) -> Executable:
        """Select the id of everything that is active, once for each of its vectors."""

    @abstractmethod
    def _stack(self, values: Sequence[Any]) -> Vectors:
        """Put column values into rows; the shape is right when there are none, too."""


def stack_bits(values: Sequence[bytes]) -> PdqBits:
    """Put PDQ hashes into rows, (n, 32) uint8, that their owner may write to."""
    return np.frombuffer(bytearray().join(values), np.uint8).reshape(len(values), 32)
