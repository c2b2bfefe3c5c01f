"""Finding what to remove, and erasing it for good."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from indexer.errors import DatabaseUnavailable, NotFoundError
from indexer.store import (
    AddOutcome,
    Answer,
    EmbeddingFeed,
    PdqFeed,
    RemovalQuery,
    RequestKey,
    Store,
    open_store,
)
from indexer.types import BankKind, SkippedSource, SourceDetails, Space
from support.catalog import add, arrival, bind, item, new_image

pytestmark = pytest.mark.postgres


@pytest.fixture
def space(store: Store) -> Space:
    return bind(store)


def find(store: Store, query: RemovalQuery) -> list[int]:
    with store.reader() as catalog:
        return catalog.images.find(query)


# Finding


def test_images_are_found_by_any_of_their_names(store: Store, space: Space) -> None:
    ids = add(store, space, 1, 2, 3, 4)
    query = RemovalQuery(
        ids=(ids[2], -1, 10**30),
        uris=("/pictures/1.jpg", "/pictures/none.jpg"),
        sha256=(new_image(2).sha256, bytes(32)),
    )
    assert find(store, query) == ids[:3]
    assert find(store, RemovalQuery(ids=(99,))) == []


def test_a_query_that_says_nothing_finds_nothing(store: Store, space: Space) -> None:
    add(store, space, 1)
    assert find(store, RemovalQuery()) == []


def test_conditions_narrow_what_is_found(store: Store, space: Space) -> None:
    with store.writer() as writer:
        bank = writer.banks.create("unsafe", BankKind.BLOCK)
    first, second = add(store, space, 1, 2, bank_id=bank.id)
    between = datetime.now(UTC)
    [third] = add(store, space, 3, bank_id=bank.id)
    with store.writer() as writer:
        labelled = arrival("copy.jpg", details=SourceDetails(label="nsfw"))
        writer.images.add_sources([(second, labelled)])
    for query, expected in [
        (RemovalQuery(bank="unsafe"), [first, second, third]),
        (RemovalQuery(before=between), [first, second]),
        (RemovalQuery(before=between - timedelta(days=1)), []),
        (RemovalQuery(label="nsfw"), [second]),
        (RemovalQuery(label="sfw"), []),
        (RemovalQuery(bank="unsafe", before=between, label="nsfw"), [second]),
        (RemovalQuery(ids=(first, third), before=between), [first]),
    ]:
        assert find(store, query) == expected
    with pytest.raises(NotFoundError, match="Did you mean unsafe"):
        find(store, RemovalQuery(bank="unsave"))


@pytest.mark.parametrize("named", [False, True])
def test_what_is_found_comes_in_pages(store: Store, space: Space, *, named: bool) -> None:
    ids = add(store, space, *range(5))
    later = datetime.now(UTC) + timedelta(days=1)
    query = RemovalQuery(ids=tuple(ids) * 2) if named else RemovalQuery(before=later)
    with store.reader() as catalog:
        first = catalog.images.find(query, limit=3)
        rest = catalog.images.find(query, after_id=first[-1], limit=3)
        assert catalog.images.find(query, after_id=10**30) == []
    assert (first, rest) == (ids[:3], ids[3:])


def test_removed_images_are_found_only_when_asked_for(store: Store, space: Space) -> None:
    gone, replaced, purged = add(store, space, 1, 2, 3)
    with store.writer() as writer:
        writer.images.remove([gone])
        writer.images.purge([purged])
        writer.images.add([(new_image(4), arrival("2.jpg", version="2"))], space.id)
    [now_there] = find(store, RemovalQuery(uris=("/pictures/2.jpg",)))
    uris = ("/pictures/1.jpg", "/pictures/2.jpg", "/pictures/3.jpg")
    assert find(store, RemovalQuery(uris=uris)) == [now_there]
    assert find(store, RemovalQuery(uris=uris, removed=True)) == [gone, now_there]
    assert find(store, RemovalQuery(ids=(gone, purged), removed=True)) == [gone]
    assert replaced != now_there


# Purging


def test_a_purged_image_leaves_only_a_tombstone(store: Store, space: Space) -> None:
    kept, purged = add(store, space, 1, 2, frames=2)
    image = new_image(2)
    with store.writer() as writer:
        writer.quarantine.add(
            [SkippedSource("/pictures/2.jpg", "unreadable_image", "broken since")]
        )
        writer.quarantine.add([SkippedSource("/pictures/other.jpg", "unreadable_image", "broken")])
        before = writer.log.head()
        assert writer.images.purge([purged, 99]) == 1
        assert writer.images.purge([purged]) == 0
    with store.reader() as catalog:
        [tombstone] = catalog.images.tombstones()
        assert (tombstone.image_id, tombstone.sha256) == (purged, image.sha256)
        assert tombstone.purged_at <= datetime.now(UTC)
        assert catalog.images.tombstones(after_id=purged) == []
        assert [record.id for record in catalog.images.page()] == [kept]
        assert catalog.log.head() == before + 1
        for table in ("embeddings", "classifications", "parts", "sources"):
            statement = text(f"SELECT DISTINCT image_id FROM {table}")
            assert list(catalog.connection.scalars(statement)) == [kept]
        [row] = catalog.connection.execute(text("SELECT * FROM images WHERE id = 2")).mappings()
        held = {name for name, value in row.items() if value is not None}
        assert held == {"id", "sha256", "created_at", "removed_at", "purged_at"}
        assert [file.uri for file in catalog.quarantine.page()] == ["/pictures/other.jpg"]
        assert catalog.gauges.counts().purged == 1
        assert catalog.repair.problems() == []
    for feed in (EmbeddingFeed(store, space.id), PdqFeed(store, 0)):
        assert feed.read(before, 10).removed.tolist() == [purged]


def test_a_purge_forgets_remembered_answers_for_they_may_tell_of_the_image(
    store: Store, space: Space
) -> None:
    [image_id] = add(store, space, 1)
    key = RequestKey("key 1", "k")
    with store.writer() as writer:
        writer.answers.remember(key, bytes(32), Answer(201, b'{"source": "/pictures/1.jpg"}'))
        writer.images.purge([99])
        long_ago = datetime(2000, 1, 1, tzinfo=UTC)
        assert writer.answers.get(key, bytes(32), long_ago)
        writer.images.purge([image_id])
        assert writer.answers.get(key, bytes(32), long_ago) is None


def test_an_image_that_was_removed_before_can_be_purged(store: Store, space: Space) -> None:
    [image_id] = add(store, space, 1)
    with store.writer() as writer:
        writer.images.remove([image_id])
        assert writer.images.purge([image_id]) == 1
        assert writer.repair.problems() == []


def test_adding_purged_bytes_again_is_told_and_makes_the_image_as_new(
    store: Store, space: Space
) -> None:
    [image_id] = add(store, space, 1, frames=1)
    with store.writer() as writer:
        writer.images.purge([image_id])
    purged_at = datetime.now(UTC)
    with store.writer() as writer:
        outcome = writer.images.add([item(1, tiles=1)], space.id)
    assert outcome == AddOutcome(added=1, reactivated=1, restored=1, sources=1)
    with store.reader() as catalog:
        record = catalog.images.get_many([image_id], with_embedding=True)[image_id]
        assert catalog.images.tombstones() == []
        assert catalog.repair.problems() == []
    image = new_image(1, tiles=1)
    for field in ("sha256", "md5", "pdq", "width", "height", "format", "frame_count", "byte_size"):
        assert getattr(record, field) == getattr(image, field)
    assert [stored.part for stored in record.parts] == [new.part for new in image.parts]
    assert record.created_at > purged_at


def test_a_source_of_an_image_purged_meanwhile_is_passed_over(store: Store, space: Space) -> None:
    purged, other = add(store, space, 1, 2)
    with store.writer() as writer:
        writer.images.purge([purged])
        outcome = writer.images.add_sources(
            [(purged, arrival("1.jpg")), (other, arrival("copy.jpg"))]
        )
    assert outcome == AddOutcome(duplicates=1, sources=1)
    with store.reader() as catalog:
        assert catalog.sources.known(["/pictures/1.jpg"]) == {}
        assert catalog.repair.problems() == []


def stored_bytes(url: str) -> bytes:
    """Read what a SQLite database has on the disk."""
    folder = Path(url.removeprefix("sqlite:///")).parent
    return b"".join(file.read_bytes() for file in sorted(folder.glob("lookalike.db*")))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_nothing_of_a_purged_image_is_left_in_the_files_of_sqlite(
    database_url: str, store: Store, space: Space
) -> None:
    ids = add(store, space, *range(50), frames=2)
    image = new_image(7, frames=2)
    secrets = [
        image.md5,
        image.pdq.bits,
        image.embedding.tobytes(),
        b"/pictures/7.jpg",
        *(part.embedding.tobytes() for part in image.parts),
        *(part.pdq.bits for part in image.parts),
    ]
    assert all(secret in stored_bytes(database_url) for secret in secrets)
    with store.writer() as writer:
        writer.images.purge([ids[7]])
    store.maintenance.scrub()
    assert not any(secret in stored_bytes(database_url) for secret in secrets)
    assert image.sha256 in stored_bytes(database_url)


def test_scrubbing_changes_nothing_that_is_stored(store: Store, space: Space) -> None:
    add(store, space, 1)
    store.maintenance.scrub()
    with store.reader() as catalog:
        assert catalog.repair.problems() == []
        assert catalog.gauges.counts().images == 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_reader_that_keeps_deleted_data_alive_is_told(
    database_url: str, store: Store, space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("indexer.store.database.engine.LOCK_WAIT", 0.2)
    [image_id] = add(store, space, 1)
    with store.reader() as catalog:
        catalog.log.head()
        with store.writer() as writer:
            writer.images.purge([image_id])
        with open_store(database_url) as other, pytest.raises(DatabaseUnavailable, match="WAL"):
            other.maintenance.scrub()


def test_the_size_of_the_database_is_told(store: Store, space: Space) -> None:
    before = store.maintenance.size()
    add(store, space, *range(2000))
    assert before + 2000 * 32 < store.maintenance.size() < before + 50_000_000
