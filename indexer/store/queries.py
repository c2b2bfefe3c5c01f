"""Queries within one transaction: the base of every repository."""

from sqlalchemy import ColumnElement, Connection, func, select

from indexer.store.models import BankRow, Base, EntryRow, ImageRow, SourceRow, SpaceRow

Listed = type[ImageRow] | type[SourceRow] | type[EntryRow] | type[BankRow] | type[SpaceRow]
"""The tables whose rows have an id."""


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

    def _ids_where(self, table: Listed, *conditions: ColumnElement[bool]) -> list[int]:
        """Return the ids of the rows that satisfy all conditions, ascending."""
        statement = select(table.id).where(*conditions).order_by(table.id)
        return list(self._connection.scalars(statement))
