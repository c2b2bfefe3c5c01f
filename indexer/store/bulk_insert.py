"""Bulk insert: many rows of one table, by COPY on Postgres."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Table, insert
from sqlalchemy.exc import DBAPIError

_LEAST: Final = 16  # rows; of fewer an insert is as quick
COPIED_AS: Final = {
    "BIGINT": "int8",
    "BOOLEAN": "bool",
    "BYTEA": "bytea",
    "DOUBLE PRECISION": "float8",
    "FLOAT": "float8",
    "INTEGER": "int4",
    "JSON": "json",
    "SMALLINT": "int2",
    "TEXT": "text",
    "TIMESTAMP WITH TIME ZONE": "timestamptz",
    "VARCHAR": "text",
}
"""The type in which COPY is sent a column of each type of Postgres."""


def bulk_insert(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows that all name the same columns, in any order.

    Raises
    ------
    DBAPIError
        As SQLAlchemy raises them: a row is refused, or the connection is lost.
    """
    if connection.dialect.name != "postgresql" or len(rows) < _LEAST:
        if rows:
            connection.execute(insert(table), rows)
        return
    dialect = connection.dialect
    columns = [table.c[name] for name in rows[0]]
    kinds = [COPIED_AS[re.sub(r"\(.*", "", column.type.compile(dialect))] for column in columns]
    processors = [column.type.dialect_impl(dialect).bind_processor(dialect) for column in columns]
    named = ", ".join(column.name for column in columns)
    statement = f"COPY {table.name} ({named}) FROM STDIN (FORMAT BINARY)"
    errors: type[Exception] = dialect.loaded_dbapi.Error
    try:
        cursor: Any = connection.connection.cursor()  # the driver's, which has no types here
        with cursor, cursor.copy(statement) as copy:
            copy.set_types(kinds)
            for row in rows:
                values = zip((row[name] for name in rows[0]), processors, kinds, strict=True)
                copy.write_row([_sent(*value) for value in values])
    except errors as error:
        raise DBAPIError.instance(
            statement, None, error, errors, hide_parameters=True, dialect=dialect
        ) from error


def _sent(value: Any, process: Callable[[Any], Any] | None, kind: str) -> Any:
    """Return a value as the driver copies it."""
    processed = process(value) if process else value
    # SQLAlchemy wraps bytes for statements
    return getattr(processed, "obj", processed) if kind == "bytea" else processed
