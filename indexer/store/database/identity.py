"""Database identity: whether it is still the database that was opened."""

from pathlib import Path
from threading import Lock
from typing import Final

import structlog
from sqlalchemy import Connection, Engine, select
from sqlalchemy.exc import OperationalError, ProgrammingError

from indexer.errors import DatabaseReplaced
from indexer.store.database.address import location, sqlite_file
from indexer.store.models import CatalogInfo

log = structlog.get_logger(__name__)
_LOG_ID: Final = select(CatalogInfo.log_id)


class Identity:
    """What a database was when it was opened; another one in its place is refused for good.

    Views follow the log that they were made from: answers from them and from another database
    would be neither's. A backup of the same log is told by SQLite's file, which is another one.

    Parameters
    ----------
    engine : Engine
    log_id : str
        Of the log, when it was opened.
    """

    def __init__(self, engine: Engine, log_id: str) -> None:
        self._where = location(engine.url)
        self._file = sqlite_file(engine.url)
        self._inode = _inode(self._file)
        self._log_id = log_id
        self._refusal: str | None = None
        self._lock = Lock()

    def check(self, connection: Connection) -> None:
        """Make sure that a transaction, which has just begun, is one of this database.

        Raises
        ------
        DatabaseReplaced
            It is another database, or one was seen there before.
        """
        if self._refusal is None and (found := self._difference(connection)):
            self._refuse(found)
        if self._refusal:
            raise DatabaseReplaced(self._refusal)

    def _difference(self, connection: Connection) -> str | None:
        """Say what is wrong; None when it is the same."""
        if _inode(self._file) != self._inode:
            return "its file was replaced or removed"
        if (log_id := self._read(connection)) != self._log_id:
            return f"it holds the log {log_id or '(none)'} instead of {self._log_id}"
        return None

    def _refuse(self, found: str) -> None:
        """Refuse the database from now on; logged once, whichever thread finds it first."""
        with self._lock:
            if self._refusal is not None:
                return
            self._refusal = (
                f"The database {self._where} is not the one that this program opened: {found}. "
                "Nothing is answered from it until this program is started again."
            )
        log.error("database replaced", database=self._where, found=found)

    def _read(self, connection: Connection) -> str | None:
        try:
            return connection.scalar(_LOG_ID)
        except (OperationalError, ProgrammingError) as error:
            if "no such table" in str(error.orig) or isinstance(error, ProgrammingError):
                return None
            raise


def _inode(file: Path | None) -> tuple[int, int] | None:
    """Return what tells a file from another one of its name; None when there is none."""
    try:
        status = file.stat() if file else None
    except FileNotFoundError:
        return None
    return (status.st_dev, status.st_ino) if status else None
