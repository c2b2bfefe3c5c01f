"""Database engine: connections and transactions of SQLite and Postgres, and their errors.

Commit order must be number order in the log, so a writer holds one lock from before it reads the
last number until its commit: BEGIN IMMEDIATE in SQLite, an advisory lock in Postgres.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from sqlite3 import SQLITE_BUSY, SQLITE_CORRUPT, SQLITE_NOTADB
from sqlite3 import Connection as SqliteConnection
from sqlite3 import OperationalError as SqliteError
from threading import Lock
from time import monotonic, sleep

from sqlalchemy import URL, Connection, Engine, create_engine, event, text
from sqlalchemy.exc import (
    DatabaseError,
    InterfaceError,
    InternalError,
    OperationalError,
    SQLAlchemyError,
)

from indexer.errors import DatabaseUnavailable
from indexer.store.database.address import is_sqlite, location
from indexer.store.database.lock_times import LogLockTimes

LOCK_WAIT = 30
"""Seconds that a writer waits for the ones before it, and a connection for its server."""
_LOG_LOCK = 7_204_319  # arbitrary, next to the key that migrations/env.py takes
_MODE = "lookalike_begin"  # execution option: how _begin_sqlite begins
_DAMAGED = {SQLITE_CORRUPT, SQLITE_NOTADB}
_NO_DATABASE = re.compile(r'FATAL: +database "(.+?)" does not exist')
_NO_ACCESS = re.compile(r'FATAL: +(role ".+?" does not exist|password authentication failed)')
_TURNS: dict[str | None, Lock] = {}
"""The lock of the writers of each SQLite file, in this process."""
os.register_at_fork(after_in_child=_TURNS.clear)
_PRIMARY = 0xFF  # what of SQLite's code tells the kind of error; the rest tells more of it


def make_engine(url: URL) -> Engine:
    """Make an engine for an address that `parse_address` returned; nothing is opened yet."""
    # no bound of the pool's own: threads are bounded where they are made
    options = {"hide_parameters": True, "pool_size": 0}
    # a URL's own timeouts win: connect_args would override them
    if is_sqlite(url):
        # isolation_level None stops pysqlite from opening (and closing) transactions of its own
        wait = {} if "timeout" in url.query else {"timeout": LOCK_WAIT}
        engine = create_engine(url, connect_args={"isolation_level": None, **wait}, **options)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    timeout = {} if "connect_timeout" in url.query else {"connect_timeout": LOCK_WAIT}
    return create_engine(url, pool_pre_ping=True, connect_args=timeout, **options)


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Give a transaction that sees one state of the database, from its first statement on.

    Raises
    ------
    DatabaseUnavailable
        The connection fails or is lost.
    """
    with unavailable_when_failing(engine.url), engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            connection.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )
        with connection.begin():
            yield connection


@contextmanager
def writing(engine: Engine, *, log: bool = True) -> Iterator[Connection]:
    """Give a transaction that writes; it commits unless an exception leaves it.

    Parameters
    ----------
    engine : Engine
    log : bool
        Whether it holds the log's lock. Without it nothing that the log or the audit log tells of
        may be written; in SQLite, which has but one lock, it is held nevertheless.

    Raises
    ------
    DatabaseUnavailable
        The connection fails or is lost, or other writers kept the lock for `LOCK_WAIT` seconds.
    """
    with (
        unavailable_when_failing(engine.url),
        LogLockTimes() as times,
        _turn_to_write(engine),
        engine.connect() as connection,
    ):
        if connection.dialect.name == "postgresql":
            # each statement must see what the writer before us has committed
            connection.execution_options(isolation_level="READ COMMITTED")
        else:
            connection.execution_options(**{_MODE: "BEGIN IMMEDIATE"})
        with connection.begin():
            if connection.dialect.name == "postgresql":
                connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_WAIT}s'"))
                if log:
                    key = {"key": _LOG_LOCK}
                    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), key)
            if log or connection.dialect.name == "sqlite":
                times.taken()
            yield connection


@contextmanager
def _turn_to_write(engine: Engine) -> Iterator[None]:
    """Let the writers of this process take turns at an SQLite database.

    SQLite itself lets them sleep for up to 0.1 s between looks at its lock, which is for others.
    """
    if not is_sqlite(engine.url):
        yield
        return
    turn = _TURNS.setdefault(engine.url.database, Lock())
    wait = engine.url.query.get("timeout", LOCK_WAIT)
    is_mine = turn.acquire(timeout=float(str(wait)))  # else SQLite says what is wrong
    try:
        yield
    finally:
        if is_mine:
            turn.release()


@contextmanager
def outside_transactions(engine: Engine) -> Iterator[Connection]:
    """Give a connection for what databases refuse to do inside a transaction.

    Raises
    ------
    DatabaseUnavailable
        The connection fails or is lost.
    """
    with unavailable_when_failing(engine.url), engine.connect() as connection:
        yield connection.execution_options(isolation_level="AUTOCOMMIT", **{_MODE: None})


@contextmanager
def unavailable_when_failing(url: URL) -> Iterator[None]:
    """Turn failures of the database itself into DatabaseUnavailable; mistakes of ours pass."""
    try:
        yield
    except SQLAlchemyError as error:
        failed = isinstance(error, OperationalError | InterfaceError | InternalError)
        # sqlite3 reports a damaged file, or one that is no database, as a bare DatabaseError
        if not failed and type(error) is not DatabaseError:
            raise
        cause = getattr(error, "orig", None) or error
        reason = " ".join(str(cause).split()).removesuffix(".")  # libpq's have several lines
        raise DatabaseUnavailable(
            f"The database {location(url)} cannot be used now ({reason}). {_advice(cause, url)}"
        ) from error


def _advice(cause: BaseException, url: URL) -> str:
    """Say what to do about a failure of the database."""
    if getattr(cause, "sqlite_errorcode", 0) & _PRIMARY in _DAMAGED:
        return "Its file is damaged or no database: restore it from a backup."
    # of a connection that fails libpq gives no SQLSTATE, only what the server says
    if missing := _NO_DATABASE.search(str(cause)):
        at = "".join(f" -{flag} {value}" for flag, value in _server_of(url) if value)
        return (
            f"The server runs, but has no database of that name. Make it, as with `createdb{at} "
            f"{missing[1]}`, then run `lookalike init`; or correct LOOKALIKE_DATABASE_URL."
        )
    if _NO_ACCESS.search(str(cause)):
        return (
            "The server runs, but does not let this user in. Check the user's name and password in "
            "LOOKALIKE_DATABASE_URL, or in PGUSER and PGPASSWORD."
        )
    return (
        "Check that it is running, that its disk is not full and that no other program keeps it "
        "locked, then try again."
    )


def _server_of(url: URL) -> Iterator[tuple[str, object]]:
    """Yield where the server of a URL is, and who asks, as options of libpq's programs."""
    yield "h", url.host or url.query.get("host")
    yield "p", url.port or url.query.get("port")
    yield "U", url.username or url.query.get("user")


def _prepare_sqlite(connection: SqliteConnection, _record: object) -> None:
    """Set what SQLite keeps per connection."""
    _switch_to_wal(connection)  # readers and the writer do not wait for each other
    connection.execute("PRAGMA synchronous = FULL")  # what is acknowledged survives power loss
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA secure_delete = ON")  # what is deleted is overwritten, too


def _switch_to_wal(connection: SqliteConnection) -> None:
    """Set the journal's mode, which the file keeps; SQLite does not wait for the lock by itself."""
    wait_ms: int = connection.execute("PRAGMA busy_timeout").fetchone()[0]  # the URL's or ours
    give_up = monotonic() + wait_ms / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except SqliteError as error:
            if error.sqlite_errorcode != SQLITE_BUSY or monotonic() > give_up:
                raise
            sleep(0.05)
        else:
            return


def _begin_sqlite(connection: Connection) -> None:
    """Begin, taking the write lock at once for a writer: it could not be had later for sure."""
    if mode := connection.get_execution_options().get(_MODE, "BEGIN"):
        connection.exec_driver_sql(mode)
