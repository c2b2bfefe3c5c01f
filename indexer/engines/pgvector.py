"""pgvector engine: a table of half-precision vectors with an HNSW index, in any Postgres."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from math import ceil
from typing import Any, Final
from weakref import finalize

import numpy as np
import psycopg
from pgvector import HalfVector
from pgvector.psycopg import register_vector
from psycopg import sql

from indexer.engines.base import Capabilities, Collection, Rows, unavailable_when
from indexer.engines.engine_address import SETTING, EngineAddress
from indexer.errors import DimensionMismatch, EngineUnavailable, SettingsError
from indexer.types import Embeddings, Keys

_Connection = psycopg.Connection[tuple[Any, ...]]
_VERSION: Final = (
    "SELECT string_to_array(extversion, '.')::int[] FROM pg_extension WHERE extname = 'vector'"
)
_DIMENSION: Final = (
    "SELECT atttypmod FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attname = 'embedding'"
)
_CREATE: Final = sql.SQL("""
    CREATE TABLE {table} (id bigint PRIMARY KEY, embedding halfvec({size}) NOT NULL);
    CREATE INDEX ON {table} USING hnsw (embedding halfvec_ip_ops)
""")
_UPSERT: Final = """
    INSERT INTO {table} AS held VALUES (%s, %s) ON CONFLICT (id) DO UPDATE
    SET embedding = excluded.embedding WHERE held.embedding <> excluded.embedding
"""
_ROWS: Final = "SELECT id FROM {table} WHERE id > %s ORDER BY id LIMIT %s"
_NEAREST: Final = "SELECT id FROM {table} ORDER BY embedding <#> %s LIMIT %s"
_REMOVE: Final = """
    DELETE FROM {table} USING unnest(%s::bigint[]) AS gone(key)
    WHERE id BETWEEN key << 16 AND (key << 16) + 65535
"""
_LOADING: Final = 60.0  # seconds that a change may take
_FAILURES: Final = (psycopg.Error,)


class PgvectorEngine:
    """A table in the database of `pgvector://user:password@host/database?option=…`.

    The options are libpq's. Half precision suffices, for the catalog's float32 is what scores.
    """

    capabilities = Capabilities(max_k=10_000, floor=False, read_after_write=True)

    def __init__(self, address: EngineAddress, collection: Collection) -> None:
        self._address = address
        self._collection = collection
        self._table = sql.Identifier(collection.name)
        self._idle: list[_Connection] = []
        self.close = finalize(self, _close_all, self._idle)  # at the latest with the engine
        stated: dict[str, Any] = {
            "host": address.host or None,
            "port": address.port,
            "user": address.user,
            "password": address.password,
            "dbname": address.path.strip("/") or None,
            "connect_timeout": max(2, ceil(collection.timeout)),
            **address.options,
        }
        try:
            self._conninfo = psycopg.conninfo.make_conninfo("", **stated)
        except psycopg.ProgrammingError as error:
            names = ", ".join(sorted(address.options))
            raise SettingsError(f"{SETTING}: libpq has no such option: {names}.") from error

    @contextmanager
    def _transaction(self, seconds: float) -> Iterator[_Connection]:
        with unavailable_when(_FAILURES, self._address):
            connection = self._take()
            try:
                with connection.transaction():
                    connection.execute(f"SET LOCAL statement_timeout = {int(seconds * 1_000)}")
                    yield connection
            finally:
                if not connection.closed:
                    self._idle.append(connection)

    def _take(self) -> _Connection:
        with suppress(IndexError):
            return self._idle.pop()
        connection = psycopg.connect(self._conninfo, autocommit=True)
        register_vector(connection)
        return connection

    def _execute(self, connection: _Connection, statement: str, *values: object) -> Any:
        return connection.execute(sql.SQL(statement).format(table=self._table), values)

    def ensure(self) -> bool:
        failing = unavailable_when(_FAILURES, self._address)
        with failing, psycopg.connect(self._conninfo) as connection:
            connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
            version = connection.execute(_VERSION).fetchone()
            if version is None or version[0] < [0, 8]:
                raise EngineUnavailable(
                    f"The vector engine {self._address} has a pgvector before 0.8, which loses "
                    "rows of a search. Install a later one, then `ALTER EXTENSION vector UPDATE`."
                )
            held = connection.execute(_DIMENSION, [self._collection.name]).fetchone()
            size = self._collection.dimension
            if held is None:
                connection.execute(_CREATE.format(table=self._table, size=sql.Literal(size)))
        if held is not None and held[0] != size:
            raise DimensionMismatch(expected=size, got=held[0])
        return held is None

    def upsert(self, rows: Rows, vectors: Embeddings) -> None:
        values = zip(rows.tolist(), map(HalfVector, vectors), strict=True)
        with self._transaction(_LOADING) as connection, connection.cursor() as cursor:
            cursor.executemany(sql.SQL(_UPSERT).format(table=self._table), values)

    def remove(self, keys: Keys) -> None:
        with self._transaction(_LOADING) as connection:
            self._execute(connection, _REMOVE, keys.tolist())

    def nominate(self, queries: Embeddings, k: int, floor: float | None = None) -> list[Rows]:
        found = []  # the floor is no condition: an index scan would read on to its end
        with self._transaction(self._collection.timeout) as connection:
            connection.execute("SET LOCAL hnsw.iterative_scan = relaxed_order")
            ef = min(1_000, max(100, 2 * k))  # 1,000 is the most; a scan goes on beyond
            connection.execute(f"SET LOCAL hnsw.ef_search = {ef}")
            for query in queries:
                rows = self._execute(connection, _NEAREST, HalfVector(query), k).fetchall()
                found.append(np.array([row[0] for row in rows], np.int64))
        return found

    def count(self) -> int:
        with self._transaction(_LOADING) as connection:
            return int(self._execute(connection, "SELECT count(*) FROM {table}").fetchone()[0])

    def rows(self, after: int, limit: int) -> Rows:
        with self._transaction(_LOADING) as connection:
            rows = self._execute(connection, _ROWS, after, limit).fetchall()
        return np.array([row[0] for row in rows], np.int64)

    def drop(self) -> None:
        with self._transaction(_LOADING) as connection:
            self._execute(connection, "DROP TABLE IF EXISTS {table}")


def _close_all(connections: list[_Connection]) -> None:
    while connections:
        connections.pop().close()
