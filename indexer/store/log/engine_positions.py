"""Positions of vector engines in the log."""

from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, Connection, delete, insert, select, update

from indexer.store.log.audit import Audit
from indexer.store.models import EngineRow
from indexer.store.queries import DatedQueries, Queries, from_row
from indexer.types import Completeness, EnginePosition, EngineState

LOCAL: Final = "local"
"""Address of the view that each process has for itself."""


class Engines(Queries):
    """The vector engines of the index within one transaction."""

    def all(self) -> list[EnginePosition]:
        """Return what is known of all engines, by address and collection."""
        statement = select(EngineRow.__table__).order_by(EngineRow.address, EngineRow.collection)
        return [
            from_row(EnginePosition, row, state=EngineState(row.state))
            for row in self._connection.execute(statement)
        ]

    def get(self, address: str, collection: str) -> EnginePosition | None:
        """Return what one collection holds; None if it is not known."""
        statement = select(EngineRow.__table__).where(_is(address, collection))
        row = self._connection.execute(statement).first()
        return from_row(EnginePosition, row, state=EngineState(row.state)) if row else None


class EnginePositions(Engines, DatedQueries):
    """The positions within a transaction that writes; it does not need the log's lock.

    Whoever notes one has claimed the feeding of the engine.
    """

    def note(self, address: str, collection: str, watermark: int, vectors: int) -> None:
        """Write what a collection has acknowledged."""
        self._update(address, collection, watermark=watermark, vectors=vectors)

    def note_recall(self, address: str, collection: str, measured: Completeness) -> None:
        """Write the recall of a collection, as measured."""
        self._update(address, collection, recall=measured.recall, recall_queries=measured.queries)

    def _update(self, address: str, collection: str, **values: object) -> None:
        statement = update(EngineRow).where(_is(address, collection))
        self._connection.execute(statement.values(updated_at=self._now, **values))


class EngineEdits(EnginePositions):
    """The vector engines within a transaction that holds the log's lock."""

    def __init__(self, connection: Connection, audit: Audit, now: datetime) -> None:
        super().__init__(connection, now)
        self._audit = audit

    def join(self, address: str, collection: str, state: EngineState) -> None:
        """Begin to keep a collection in step, unless that has begun; it holds nothing yet."""
        if self.get(address, collection):
            return
        row = {
            "address": address,
            "collection": collection,
            "state": state.value,
            "watermark": 0,
            "vectors": 0,
            "updated_at": self._now,
        }
        self._connection.execute(insert(EngineRow).values(row))
        self._audit.record("engine.join", "engine", address, collection=collection)

    def activate(self, address: str) -> None:
        """Have the gallery searched in an engine from now on; the one before becomes former."""
        rows = update(EngineRow)
        active = EngineState.ACTIVE.value
        before = self._connection.scalars(
            select(EngineRow.address).where(EngineRow.state == active).distinct()
        ).all()
        self._connection.execute(
            rows.where(EngineRow.state == active).values(state=EngineState.FORMER.value)
        )
        self._connection.execute(rows.where(EngineRow.address == address).values(state=active))
        self._audit.record("engine.activate", "engine", address, replaces=[*before])

    def forget(self, address: str, collection: str) -> None:
        """Forget a collection that was dropped."""
        self._connection.execute(delete(EngineRow).where(_is(address, collection)))
        self._audit.record("engine.drop", "engine", address, collection=collection)


def _is(address: str, collection: str) -> ColumnElement[bool]:
    return (EngineRow.address == address) & (EngineRow.collection == collection)
