"""Database maintenance: size, health, and scrubbing of deleted data."""

from sqlalchemy import Engine, select, text, update

from indexer.errors import DatabaseUnavailable
from indexer.store.database.address import location, sqlite_file
from indexer.store.database.engine import outside_transactions, reading, writing
from indexer.store.models import Base, CatalogInfo, ChangeRow
from indexer.store.values import DatabaseFacts


class Maintenance:
    """Upkeep of one database.

    Parameters
    ----------
    engine : Engine
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def size(self) -> int:
        """Return how many bytes the database takes on its disk, SQLite's WAL included.

        Raises
        ------
        DatabaseUnavailable
            The database cannot be reached.
        """
        file = sqlite_file(self._engine.url)
        if file:
            parts = (file, file.with_name(f"{file.name}-wal"))
            return sum(part.stat().st_size for part in parts if part.exists())
        with reading(self._engine) as connection:
            size: int = connection.execute(
                text("SELECT pg_database_size(current_database())")
            ).scalar_one()
            return size

    def facts(self) -> DatabaseFacts:
        """Return what a database says of itself.

        Raises
        ------
        DatabaseUnavailable
            The database cannot be reached.
        """
        with reading(self._engine) as connection:
            last_change_at = connection.scalar(
                select(ChangeRow.created_at).order_by(ChangeRow.number.desc()).limit(1)
            )
            if connection.dialect.name == "postgresql":
                return DatabaseFacts(
                    product=f"PostgreSQL {connection.scalar(text('SHOW server_version'))}",
                    journal_mode=None,
                    last_change_at=last_change_at,
                )
            return DatabaseFacts(
                product=f"SQLite {connection.scalar(text('SELECT sqlite_version()'))}",
                journal_mode=connection.scalar(text("PRAGMA journal_mode")),
                last_change_at=last_change_at,
            )

    def try_writing(self) -> None:
        """Write to the database and take it back.

        Raises
        ------
        DatabaseUnavailable
            The database cannot be reached, is locked, or may not be written.
        """
        with writing(self._engine) as connection:
            connection.execute(update(CatalogInfo).values(log_id=CatalogInfo.log_id))
            connection.rollback()

    def scrub(self) -> None:
        """Clear the database's files of what was deleted: call it after a purge is committed.

        SQLite then holds none of it. Postgres frees the space, which later rows overwrite; only its
        administrator can do more (`VACUUM FULL`, old WAL, backups).

        Raises
        ------
        DatabaseUnavailable
            The database cannot be reached, or a SQLite is read by others all the time.
        """
        with outside_transactions(self._engine) as connection:
            if connection.dialect.name == "postgresql":
                kept = {CatalogInfo.__tablename__, ChangeRow.__tablename__}
                tables = ", ".join(sorted(Base.metadata.tables.keys() - kept))
                connection.execute(text(f"VACUUM {tables}"))
                return
            busy, _, _ = connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)")).one()
            if busy:
                raise DatabaseUnavailable(
                    f"Deleted data is still in the WAL of {location(self._engine.url)}, "
                    "because other programs are reading it. Wait for them to finish or stop "
                    "them, then try again."
                )
