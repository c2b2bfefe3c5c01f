"""Copies of an index that nobody uses, on SQLite or Postgres: quicker than to fill another one."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.commands import Index
from support.postgres import postgres_database


@contextmanager
def copied(index: Index, home: Path) -> Iterator[Index]:
    """Copy an index into a new home; a copy on Postgres is dropped at the end."""
    if index.database_url is None:
        yield index.copy(home)
        return
    shutil.copytree(index.home, home)
    name = index.database_url.partition("?")[0].rpartition("/")[2]
    with postgres_database(index.database_url.replace(f"/{name}?", "/postgres?"), name) as url:
        yield Index(home, url, dict(index.extra))
