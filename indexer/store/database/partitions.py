"""Partitions by space, on Postgres: of the tables that grow with images times spaces.

A space has a partition of its own in each of these tables from the moment it is made, so that its
rows go at once when it is dropped. Spaces that are older than the partitions may share one.
"""

from typing import Final

from sqlalchemy import Connection, text

PARTITIONED: Final = ("embeddings", "classifications", "semantic_embeddings")


def partition_of(table: str, space_id: int) -> str:
    """Name the partition of a space."""
    return f"{table}_of_{space_id:d}"


def add_partitions(connection: Connection, space_id: int) -> None:
    """Give a new space its partitions; nothing happens in SQLite.

    They are made beside the tables and then attached, which no reader waits for.
    """
    if connection.dialect.name != "postgresql":
        return
    for table in PARTITIONED:
        own = partition_of(table, space_id)
        connection.execute(text(f"CREATE TABLE {own} (LIKE {table} INCLUDING ALL)"))
        attach = f"ALTER TABLE {table} ATTACH PARTITION {own} FOR VALUES IN ({space_id:d})"
        connection.execute(text(attach))


def has_partitions(connection: Connection, space_id: int) -> bool:
    """Return whether a space has partitions of its own."""
    if connection.dialect.name != "postgresql":
        return False
    there = text("SELECT to_regclass(:name) IS NOT NULL")
    own = partition_of(PARTITIONED[0], space_id)
    return bool(connection.execute(there, {"name": own}).scalar_one())


def empty_partitions(connection: Connection, space_id: int) -> None:
    """Delete all rows of a space at once; it must have partitions of its own.

    Only readers of this space are waited for, and those that began before and have not read it yet
    find it empty.
    """
    owned = ", ".join(partition_of(table, space_id) for table in PARTITIONED)
    connection.execute(text(f"TRUNCATE {owned}"))
