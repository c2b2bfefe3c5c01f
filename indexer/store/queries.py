"""Queries within one transaction: the base of every repository."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any, TypeVar, TypeVarTuple, cast

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Row,
    Select,
    bindparam,
    func,
    select,
)
from sqlalchemy.orm import InstrumentedAttribute

from indexer.errors import NotFoundError
from indexer.store.models import (
    BankRow,
    Base,
    DecisionRow,
    EntryRow,
    ImageRow,
    ReviewItemRow,
    SourceRow,
    SpaceRow,
)
from indexer.store.sql_parameters import chunks, possible_ids

Numbered = type[ImageRow | SourceRow | EntryRow | BankRow | SpaceRow | DecisionRow | ReviewItemRow]
"""Tables whose rows have an id."""
_ResultT = TypeVar("_ResultT")
_Columns = TypeVarTuple("_Columns")


IDS: BindParameter[list[int]] = bindparam("ids")
"""What statements that are made once compare ids with. One that runs for each search is: SQLAlchemy
takes longer to make it than SQLite to answer it."""


class Queries:
    """Queries within one transaction.

    Parameters
    ----------
    connection : Connection
        The transaction.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def _count(self, table: type[Base], *conditions: ColumnElement[bool]) -> int:
        """Count the rows of a table that satisfy all conditions."""
        statement = select(func.count()).select_from(table).where(*conditions)
        return self._connection.execute(statement).scalar_one()

    def _rows(
        self,
        statement: Select[*_Columns],
        column: InstrumentedAttribute[Any],
        values: Iterable[Any],
    ) -> Iterator[Row[*_Columns]]:
        """Yield a statement's rows whose column has one of some values, thousands at a time."""
        for chunk in chunks(values):
            yield from self._connection.execute(statement.where(column.in_(chunk)))

    def _rows_of(
        self, statement: Select[*_Columns], ids: Iterable[int]
    ) -> Iterator[Row[*_Columns]]:
        """Yield a statement's rows for some ids, which it calls `IDS`, thousands at a time."""
        for chunk in chunks(possible_ids(ids)):
            yield from self._connection.execute(statement, {IDS.key: chunk})

    def _ids_where(self, table: Numbered, *conditions: ColumnElement[bool]) -> list[int]:
        """Return the ids of the rows that satisfy all conditions, ascending."""
        statement = select(table.id).where(*conditions).order_by(table.id)
        return list(self._connection.scalars(statement))

    def _ids_among(
        self, table: Numbered, ids: Iterable[int], *conditions: ColumnElement[bool]
    ) -> list[int]:
        """Return those of some ids whose rows satisfy all conditions."""
        return [
            row_id
            for chunk in chunks(ids)
            for row_id in self._ids_where(table, table.id.in_(chunk), *conditions)
        ]


class DatedQueries(Queries):
    """Queries within a transaction that writes, and does not need the log's lock to do so.

    Parameters
    ----------
    connection : Connection
    now : datetime
        When the transaction began, in UTC.
    """

    def __init__(self, connection: Connection, now: datetime) -> None:
        super().__init__(connection)
        self._now = now


def require(found: Sequence[_ResultT], missing: str, *, brief: str | None = None) -> _ResultT:
    """Return the first of what was found.

    Raises
    ------
    NotFoundError
        Nothing was found; `missing` is its message, `brief` the short form.
    """
    if not found:
        raise NotFoundError(missing, brief=brief)
    return found[0]


def from_row(kind: type[_ResultT], row: Row[*tuple[Any, ...]], /, **given: Any) -> _ResultT:
    """Make a dataclass of the columns that are called like its fields, and of what is given."""
    names = [field.name for field in fields(cast("Any", kind))]
    return kind(**{name: getattr(row, name) for name in names if name not in given}, **given)
