"""Alembic environment: one locked transaction, so races and failures leave no half schema."""

import re
from typing import Any, Literal

from alembic import context
from sqlalchemy import Connection, TypeDecorator, create_engine, event, pool, text

from indexer.store.database.partitions import PARTITIONED
from indexer.store.models import Base

_PARTITION = re.compile(rf"({'|'.join(PARTITIONED)})_of_\w+")
LOCK_KEY = 7_204_318  # arbitrary, but the same for every process that migrates this database


def lock(connection: Connection) -> None:
    """Queue up behind any other process that is migrating."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK_KEY})
        connection.execute(text("SET LOCAL lock_timeout = '4s'"))


def render_item(kind: str, item: Any, _context: object) -> str | Literal[False]:
    """Write a type of ours as the plain type under it: migrations outlive the models' code."""
    if kind == "type" and isinstance(item, TypeDecorator):
        return f"sa.{item.impl!r}"
    return False


def is_ours(name: str | None, kind: str, _parents: object) -> bool:
    """Pass over partitions, which are made and dropped with their spaces."""
    return kind != "table" or not _PARTITION.fullmatch(name or "")


url = context.config.attributes["database_url"]
sqlite = url.get_backend_name() == "sqlite"
# isolation_level None stops pysqlite from opening (and closing) transactions of its own
connect_args: dict[str, Any] = {"isolation_level": None} if sqlite else {}
if sqlite and "timeout" not in url.query:  # the URL's own would be overridden
    connect_args["timeout"] = 30
engine = create_engine(url, poolclass=pool.NullPool, connect_args=connect_args)
event.listen(engine, "begin", lock)

with engine.begin() as connection:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=sqlite,
        render_item=render_item,
        include_name=is_ours,
        compare_server_default=True,
        transactional_ddl=True,
    )
    context.run_migrations()
