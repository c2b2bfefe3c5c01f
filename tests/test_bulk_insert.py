"""Rows that are copied into Postgres are those that an insert would write."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Connection, event, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import IntegrityError

from indexer.errors import DatabaseUnavailable
from indexer.store import Store, open_store, upgrade
from indexer.store.bulk_insert import COPIED_AS, bulk_insert
from indexer.store.models import Base, ChangeRow, EmbeddingRow, ImageRow, PartRow, SourceRow
from indexer.types import SourceDetails
from support.catalog import add, arrival, bind, new_image
from support.postgres import Ending, own_postgres, postgres_database

pytestmark = pytest.mark.postgres
MANY = 40
DETAILS = SourceDetails(label="spä\t\\N\n", uploader=None, metadata={"a": [1, None, "\\N"]})


@pytest.fixture
def store(postgres_url: str, migrated_postgres: str) -> Iterator[Store]:
    with (
        postgres_database(postgres_url, migrated_postgres) as url,
        open_store(url) as opened,
    ):
        yield opened


def contents(store: Store) -> dict[str, list[list[Any]]]:
    """Return the rows of the tables that an ingest fills, but for ids and moments."""
    with store.reader() as catalog:
        found = {}
        for table in (EmbeddingRow, PartRow, ImageRow, SourceRow, ChangeRow):
            columns = [c for c in table.__table__.c if not c.name.endswith("_at")]
            rows = catalog.connection.execute(
                select(*columns).order_by(*table.__table__.primary_key)
            )
            found[table.__tablename__] = [
                [value.tolist() if hasattr(value, "tolist") else value for value in row]
                for row in rows
            ]
        return found


def test_rows_are_the_same_however_many_are_written_at_once(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    space = bind(store)
    items = [
        (new_image(n, frames=2, tiles=1), arrival(f"{n}.jpg", details=DETAILS)) for n in range(MANY)
    ]
    with store.writer() as writer:
        trial = writer.connection.begin_nested()
        monkeypatch.setattr("indexer.store.bulk_insert._LEAST", 10**9)
        writer.images.add(items, space.id)
        inserted = contents(store.joining(writer))
        trial.rollback()
        statements: list[str] = []
        event.listen(
            writer.connection,
            "before_cursor_execute",
            lambda _c, _cursor, statement, *_: statements.append(statement),
        )
        monkeypatch.setattr("indexer.store.bulk_insert._LEAST", 2)
        writer.images.add(items, space.id)
        copied = contents(store.joining(writer))

    assert not [each for each in statements if "INTO embeddings" in each]
    first = [rows[0][0] for rows in (inserted["images"], copied["images"])]
    assert first[0] != first[1]  # a rollback gives no number back
    for name, rows in copied.items():
        ids = {"embeddings": [0], "parts": [0], "images": [0], "sources": [0, 1], "changes": [0, 2]}
        for row, other in zip(rows, inserted[name], strict=True):
            for place in ids[name]:
                row[place] = other[place] = None
            assert row == other


def test_columns_may_come_in_another_order(store: Store) -> None:
    rows = [
        {"number": n, "subject": "image", "subject_id": 100 + n, "operation": "added"}
        for n in range(1, MANY + 1)
    ]
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    mixed = [dict(reversed(row.items())) if row["number"] == 2 else row for row in rows]
    with store.writer() as writer:
        table = Base.metadata.tables["changes"]
        bulk_insert(writer.connection, table, [row | {"created_at": moment} for row in mixed])

    assert contents(store)["changes"] == [[*row.values()] for row in rows]


def test_a_row_that_is_refused_is_an_error_as_of_an_insert(store: Store) -> None:
    space = bind(store)
    [image_id] = add(store, space, 1)
    twice = {"image_id": image_id, "space_id": space.id, "part": 5}
    vector = new_image(1).embedding
    with pytest.raises(IntegrityError, match=r"embeddings_of_\d+_pkey"), store.writer() as writer:
        _copy(writer.connection, [twice | {"vector": vector}] * MANY)
    assert add(store, space, 2)  # the connection is of use still


@pytest.mark.long
def test_a_server_that_ends_meanwhile_is_unavailable() -> None:
    with own_postgres() as server:
        upgrade(server.url)
        with open_store(server.url) as store:
            space = bind(store)
            rows = [
                {"image_id": n, "space_id": space.id, "part": 0, "vector": new_image(1).embedding}
                for n in range(MANY)
            ]
            with pytest.raises(DatabaseUnavailable), store.writer() as writer:  # noqa: PT012
                server.end(Ending.IMMEDIATE)
                _copy(writer.connection, rows)
        server.start_again()


def _copy(connection: Connection, rows: list[dict[str, object]]) -> None:
    bulk_insert(connection, Base.metadata.tables["embeddings"], rows)


def test_every_column_of_the_schema_can_be_copied() -> None:
    columns = [column for table in Base.metadata.tables.values() for column in table.c]
    kinds = {column.type.compile(postgresql.dialect()).partition("(")[0] for column in columns}
    assert kinds <= {*COPIED_AS}
