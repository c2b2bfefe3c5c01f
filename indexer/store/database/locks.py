"""Locks that outlive a transaction: one clustering run at a time, one feeder of an engine."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from zlib import crc32

from sqlalchemy import Engine, text

from indexer.errors import DatabaseUnavailable
from indexer.runtime.private_files import make_private_file
from indexer.store.database.address import location, sqlite_file
from indexer.store.database.engine import outside_transactions


class Work(Enum):
    """What only one program at a time does in an index; the number is its key in Postgres."""

    CLUSTERING = 7_204_321  # arbitrary, next to the key of the log's lock
    TEMPLATES = 7_204_322
    FEEDING = 7_204_323


@contextmanager
def claim(engine: Engine, work: Work, of: str = "") -> Iterator[bool]:
    """Claim some work on an index, or on one thing `of` it; give whether it was free.

    The claim is a lock that ends with the process or its connection, however they end: on a file
    beside a SQLite database, an advisory one of the session in Postgres.

    Raises
    ------
    DatabaseUnavailable
        The database cannot be reached, or the file cannot be made.
    """
    file = sqlite_file(engine.url)
    part = crc32(of.encode()) - 2**31 if of else 0  # Postgres takes two signed numbers of 32 bits
    claimed = (
        _of_session(engine, work, part) if file is None else _of_file(engine, file, work, part)
    )
    with claimed as free:
        yield free


@contextmanager
def _of_session(engine: Engine, work: Work, part: int) -> Iterator[bool]:
    key = {"key": work.value, "part": part}
    with outside_transactions(engine) as connection:
        free = bool(connection.scalar(text("SELECT pg_try_advisory_lock(:key, :part)"), key))
        try:
            yield free
        finally:
            if free and not connection.invalidated:
                connection.execute(text("SELECT pg_advisory_unlock(:key, :part)"), key)


@contextmanager
def _of_file(engine: Engine, database: Path, work: Work, part: int) -> Iterator[bool]:
    name = f"{database.name}-{work.name.lower()}" + (f"{part + 2**31:08x}" if part else "")
    try:
        make_private_file(path := database.with_name(name))
        file = path.open("ab")
    except OSError as error:
        raise DatabaseUnavailable(
            f"A file cannot be created beside the database {location(engine.url)} "
            f"({error.strerror}). Check the permissions and the free space of its folder."
        ) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
