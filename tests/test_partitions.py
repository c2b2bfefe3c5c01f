"""On Postgres every space has partitions of its own, which go at once when it is dropped."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from alembic import command
from psycopg import sql
from sqlalchemy import text

from indexer.settings import Settings
from indexer.store import Store, check, open_store, upgrade
from indexer.store.database.migrate import configuration
from indexer.store.database.partitions import PARTITIONED, partition_of
from indexer.types import Space
from indexer.upkeep.space_removal import drop_space
from support.catalog import DIMENSION, LABELS, add, bind, new_image
from support.postgres import postgres_database

pytestmark = pytest.mark.postgres
BEFORE = "202611302155"
"""The revision without partitions."""


@pytest.fixture
def older_url(postgres_url: str) -> Iterator[str]:
    """URL of a Postgres database of before the partitions."""
    with postgres_database(postgres_url) as url:
        command.upgrade(configuration(url), BEFORE)
        yield url


@pytest.fixture
def store(postgres_url: str, migrated_postgres: str) -> Iterator[Store]:
    with (
        postgres_database(postgres_url, migrated_postgres) as url,
        open_store(url) as opened,
    ):
        yield opened


def add_space(store: Store, fingerprint: str = "cd" * 32) -> Space:
    with store.writer() as writer:
        return writer.spaces.add(
            fingerprint=fingerprint, model="m", architecture="a", dimension=DIMENSION, labels=LABELS
        )


def embed(store: Store, space: Space, ids: list[int], seeds: list[int]) -> None:
    with store.writer() as writer:
        images = {i: new_image(seed) for i, seed in zip(ids, seeds, strict=True)}
        writer.embeddings.embed(images, space.id)


def rows_of(store: Store, table: str) -> int:
    with store.reader() as catalog:
        counted = text(f"SELECT count(*) FROM {table}")
        return int(catalog.connection.execute(counted).scalar_one())


def test_each_space_has_its_rows_in_a_partition_of_its_own(store: Store) -> None:
    first, second = bind(store), add_space(store)
    ids = add(store, first, 1, 2, 3)
    embed(store, second, ids[:2], [1, 2])

    for table in ("embeddings", "classifications"):
        assert rows_of(store, partition_of(table, first.id)) == 3
        assert rows_of(store, partition_of(table, second.id)) == 2
        assert rows_of(store, table) == 5


def test_a_dropped_space_is_emptied_at_once_and_can_be_filled_again(
    store: Store, tmp_path: Path
) -> None:
    first, second = bind(store), add_space(store)
    ids = add(store, first, 1, 2, 3)
    embed(store, second, ids[:2], [1, 2])

    dropped = drop_space(store, Settings(home=tmp_path), second.fingerprint[:12])

    assert dropped.vectors == 2
    assert [rows_of(store, partition_of(table, second.id)) for table in PARTITIONED] == [0, 0, 0]
    assert rows_of(store, "embeddings") == 3
    embed(store, second, ids, [1, 2, 3])
    assert rows_of(store, partition_of("embeddings", second.id)) == 3


def test_the_space_of_the_index_is_not_emptied(store: Store) -> None:
    first, second = bind(store), add_space(store)
    ids = add(store, first, 1, 2)
    embed(store, second, ids, [1, 2])
    with store.writer() as writer:
        assert writer.embeddings.empty([first.id, second.id]) == 2
    assert rows_of(store, "embeddings") == 2


def _fill(url: str, spaces: int) -> None:
    """Store 50 images in so many spaces, the last of them the index's."""
    digest, short = "sha256(n::text::bytea)", "substr(sha256(n::text::bytea), 1, 16)"
    images = f"SELECT n, {digest}, {short}, {digest}, 9, 1, 1, 'PNG', 1, 1, now()"
    named = "SELECT n, n, 'm', 'a', 8, '[\"photo\"]', now(), now() + n * interval '1 s'"
    vector = f"decode(repeat('00', {4 * DIMENSION}), 'hex')"
    with psycopg.connect(url) as connection:
        for target, selected in (
            (
                (
                    "images (id, sha256, md5, pdq, pdq_quality, width, height, format, "
                    "frame_count, byte_size, created_at)"
                ),
                f"{images} FROM generate_series(1, 50) AS g(n)",
            ),
            (
                (
                    "spaces (id, fingerprint, model, architecture, dimension, labels, created_at, "
                    "activated_at)"
                ),
                f"{named} FROM generate_series(1, {spaces}) AS g(n)",
            ),
            (
                "embeddings (image_id, space_id, vector)",
                f"SELECT images.id, spaces.id, {vector} FROM images, spaces",
            ),
            (
                "classifications (image_id, space_id, top_label, probabilities)",
                "SELECT images.id, spaces.id, 'photo', '{}' FROM images, spaces",
            ),
        ):
            connection.execute(sql.SQL(f"INSERT INTO {target} {selected}"))
        connection.execute(f"SELECT setval('spaces_id_seq', {spaces + 1})")


@pytest.mark.long
@pytest.mark.parametrize("spaces", [0, 1, 2])
def test_what_there_was_becomes_the_first_partition(older_url: str, spaces: int) -> None:
    _fill(older_url, spaces)

    upgrade(older_url)

    check(older_url)
    with open_store(older_url) as store:
        assert rows_of(store, "embeddings") == rows_of(store, "classifications") == 50 * spaces
        later = add_space(store)
        embed(store, later, [1, 2], [1, 2])
        assert rows_of(store, partition_of("embeddings", later.id)) == 2
        with store.writer() as writer:
            assert writer.embeddings.empty([later.id]) == 2
            assert writer.embeddings.empty([1]) == 0  # the index's, or of a shared partition
    command.downgrade(configuration(older_url), BEFORE)
    upgrade(older_url)
    check(older_url)
    with open_store(older_url) as store:
        assert rows_of(store, "embeddings") == 50 * spaces
