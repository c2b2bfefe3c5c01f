"""Database URL: parsed, checked, and shown without its password."""

from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from indexer.errors import SettingsError

_EXAMPLES = "Use sqlite:////folder/lookalike.db or postgresql://user:password@host/database."
_DRIVERS = {
    "sqlite": "sqlite",
    "sqlite+pysqlite": "sqlite",
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
}


def parse_address(address: str) -> URL:
    """Read a database URL and settle its driver.

    Raises
    ------
    SettingsError
        It is no URL, names another database than SQLite or Postgres, or a SQLite without a file.
    """
    try:
        url = make_url(address)
    except (ArgumentError, ValueError):  # its message may quote the password: leave it out
        raise SettingsError(f"LOOKALIKE_DATABASE_URL is not a database URL. {_EXAMPLES}") from None
    if url.drivername not in _DRIVERS:
        raise SettingsError(
            f"LOOKALIKE_DATABASE_URL uses the unsupported driver {url.drivername}. {_EXAMPLES}"
        )
    url = url.set(drivername=_DRIVERS[url.drivername])
    if is_sqlite(url) and (not url.database or url.database.startswith((":memory:", "file:"))):
        raise SettingsError(
            f"LOOKALIKE_DATABASE_URL names a SQLite database without a file. {_EXAMPLES}"
        )
    return url


def is_sqlite(url: URL) -> bool:
    """Tell SQLite from Postgres."""
    return url.get_backend_name() == "sqlite"


def sqlite_file(url: URL) -> Path | None:
    """Return the database file; None for Postgres."""
    return Path(url.database) if is_sqlite(url) and url.database else None


def location(url: URL) -> str:
    """Return the URL without its passwords, for people and logs."""
    return url.difference_update_query(["password", "sslpassword"]).render_as_string()
