"""Edits within one writing transaction: the base of every repository that writes."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, insert, update

from indexer.errors import NotFoundError
from indexer.store.bulk_insert import bulk_insert
from indexer.store.log.audit import Audit
from indexer.store.log.changes import Log
from indexer.store.models import BankRow, Base, ImageRow
from indexer.store.queries import Numbered, Queries
from indexer.store.sql_parameters import chunks, possible_ids

_NAMED = 10  # missing ids that an error names at most


@dataclass(frozen=True, slots=True)
class Transaction:
    """A writing transaction: all that a repository is given to write with."""

    connection: Connection
    log: Log
    """Every visible change gets a row in it."""
    audit: Audit
    """Every act of a person or program gets a row in it."""
    now: datetime
    """When the transaction began, in UTC."""


class Edits(Queries):
    """Edits within one transaction that holds the log's lock."""

    def __init__(self, transaction: Transaction) -> None:
        super().__init__(transaction.connection)
        self._log = transaction.log
        self._audit = transaction.audit
        self._now = transaction.now

    def _insert(self, table: type[Any], rows: Sequence[Mapping[str, Any]]) -> None:
        bulk_insert(self._connection, table.__table__, rows)

    def _insert_one(self, table: type[Any], row: Mapping[str, Any]) -> int:
        """Insert a row that the database numbers, and return its id."""
        key: Any = self._connection.execute(insert(table).values(row)).inserted_primary_key
        return int(key[0])

    def _set(self, table: Numbered, ids: Iterable[int], **values: Any) -> None:
        """Set columns of the rows with these ids."""
        for chunk in chunks(ids):
            self._connection.execute(update(table).where(table.id.in_(chunk)), values)

    def _replace(
        self, table: type[Base], key: Mapping[str, Any], values: Mapping[str, Any]
    ) -> None:
        """Write a row in place of the one of the same key; the log's lock keeps others out."""
        ((name, value),) = key.items()
        mine = table.__table__.c[name] == value
        if not self._connection.execute(update(table).where(mine).values(values)).rowcount:
            self._connection.execute(insert(table).values({**key, **values}))

    def _require_bank(self, bank_id: int) -> None:
        """Make sure that a bank has this id."""
        if not self._ids_where(BankRow, BankRow.id == bank_id, BankRow.removed_at.is_(None)):
            raise NotFoundError(
                f"There is no bank with id {bank_id}. `lookalike bank list` shows the banks."
            )

    def _require_images(self, ids: Collection[int], *conditions: ColumnElement[bool]) -> None:
        """Make sure that each id is an image's that satisfies the conditions."""
        known = self._ids_among(ImageRow, possible_ids(ids), *conditions)
        if missing := sorted(set(ids).difference(known)):
            named = ", ".join(map(str, missing[:_NAMED])) + (", ..." if missing[_NAMED:] else "")
            raise NotFoundError(
                f"No image {named} is in the index. `lookalike index list` shows the ids."
            )
