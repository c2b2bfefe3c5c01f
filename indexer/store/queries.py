"""What every group of queries stands on: one transaction."""

from sqlalchemy import ColumnElement, Connection, func, select

from indexer.store.models import Base


class Queries:
    """Queries within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @property
    def connection(self) -> Connection:
        """The transaction itself, for other modules of this package."""
        return self._connection

    def _count(self, table: type[Base], *conditions: ColumnElement[bool]) -> int:
        """Count the rows of a table that satisfy all conditions."""
        statement = select(func.count()).select_from(table).where(*conditions)
        return self._connection.execute(statement).scalar_one()
