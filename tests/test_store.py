import dataclasses
import threading
import time
from datetime import UTC, datetime
from functools import partial
from typing import Any

import numpy as np
import psycopg
import pytest
from sqlalchemy import select, text

from indexer.errors import (
    BankMismatch,
    DatabaseUnavailable,
    DimensionMismatch,
    InvalidName,
    ModelMismatch,
    NotFoundError,
    UnusableOutput,
)
from indexer.store import AddOutcome, Catalog, Store, open_store
from indexer.store.database.address import parse_address
from indexer.store.database.engine import make_engine, writing
from indexer.store.models import ChangeRow
from indexer.store.sql_parameters import MAX_ID
from indexer.types import Bank, BankKind, Counts, KnownSource, NewImage, SkippedSource, Space
from support.catalog import (
    DIMENSION,
    FINGERPRINT,
    LABELS,
    add,
    add_one_by_one,
    arrival,
    bind,
    item,
    new_image,
)
from support.forked import run_each

pytestmark = pytest.mark.postgres


@pytest.fixture
def space(store: Store) -> Space:
    return bind(store)


@pytest.fixture
def bank(store: Store) -> Bank:
    with store.writer() as writer:
        return writer.banks.create("unsafe", BankKind.BLOCK)


def log(catalog: Catalog) -> list[tuple[int, str, str, int]]:
    """Return the rows of the change log."""
    columns = (ChangeRow.number, ChangeRow.subject, ChangeRow.operation, ChangeRow.subject_id)
    statement = select(*columns).order_by(ChangeRow.number)
    return [tuple(row) for row in catalog.connection.execute(statement)]


def log_of(store: Store) -> list[tuple[int, str, str, int]]:
    with store.reader() as catalog:
        return log(catalog)


# The embedding space


def test_an_index_is_bound_to_the_first_space_registered(store: Store) -> None:
    with store.reader() as catalog:
        assert catalog.spaces.active() is None
    space = bind(store)
    with store.reader() as catalog:
        assert catalog.spaces.active() == catalog.spaces.find(FINGERPRINT) == space
        assert catalog.spaces.find("cd" * 32) is None
    assert (space.dimension, space.labels) == (DIMENSION, LABELS)


def test_registering_the_same_space_again_changes_only_where_the_model_is(store: Store) -> None:
    space = bind(store)
    with store.writer() as writer:
        moved = writer.spaces.register(
            fingerprint=FINGERPRINT,
            model="elsewhere",
            architecture="vit_tiny",
            dimension=DIMENSION,
            labels=LABELS,
        )
    assert moved == dataclasses.replace(space, model="elsewhere")


def test_another_space_is_refused(store: Store, space: Space) -> None:
    with store.writer() as writer, pytest.raises(ModelMismatch, match=space.fingerprint[:12]):
        writer.spaces.register(
            fingerprint="cd" * 32, model="m", architecture="a", dimension=4, labels=("x",)
        )


# Adding


def test_an_added_image_reads_back_as_it_was(store: Store, space: Space, bank: Bank) -> None:
    image, found = item(1)
    before = datetime.now(UTC)
    [image_id] = add(store, space, 1, bank_id=bank.id)
    with store.reader() as catalog:
        record = catalog.images.get_many([image_id], space.id, with_embedding=True)[image_id]
    assert record.embedding is not None
    assert record.embedding.dtype == np.float32
    np.testing.assert_array_equal(record.embedding, image.embedding)
    assert record.probabilities == dict(zip(LABELS, image.probabilities.tolist(), strict=True))
    assert record.sources == (found.stamp.uri,)
    [entry] = record.entries
    assert (entry.bank, entry.kind, entry.image_id) == ("unsafe", BankKind.BLOCK, image_id)
    assert record.created_at.tzinfo is UTC
    assert before <= record.created_at <= datetime.now(UTC)
    for field in ("sha256", "md5", "pdq", "width", "height", "format", "frame_count", "byte_size"):
        assert getattr(record, field) == getattr(image, field)


def test_embeddings_are_read_only_when_asked_for(store: Store, space: Space) -> None:
    [image_id] = add(store, space, 1)
    with store.reader() as catalog:
        assert catalog.images.get(image_id, space.id).embedding is None
        assert catalog.images.get_many([image_id])[image_id].probabilities  # of the active space


def test_the_same_bytes_twice_in_a_batch_are_one_image_with_two_sources(
    store: Store, space: Space, bank: Bank
) -> None:
    image = new_image(1)
    with store.writer() as writer:
        outcome = writer.images.add(
            [(image, arrival(name, bank_id=bank.id)) for name in ("a.jpg", "b.jpg")], space.id
        )
    assert outcome == AddOutcome(added=1, duplicates=1, sources=2, entries=1)
    with store.reader() as catalog:
        [record] = catalog.images.page()
    assert record.sources == ("/pictures/a.jpg", "/pictures/b.jpg")


def test_adding_again_changes_nothing(store: Store, space: Space, bank: Bank) -> None:
    add(store, space, 1, 2, bank_id=bank.id)
    before = log_of(store)
    with store.writer() as writer:
        outcome = writer.images.add([item(n, bank_id=bank.id) for n in (1, 2)], space.id)
    assert outcome == AddOutcome(duplicates=2)
    assert log_of(store) == before


def test_an_empty_batch_changes_nothing(store: Store, space: Space) -> None:
    with store.writer() as writer:
        assert writer.images.add([], space.id) == writer.images.add_sources([]) == AddOutcome()


def test_a_further_source_and_entry_join_a_known_image(
    store: Store, space: Space, bank: Bank
) -> None:
    [image_id] = add(store, space, 1)
    with store.writer() as writer:
        outcome = writer.images.add_sources([(image_id, arrival("copy.jpg", bank_id=bank.id))])
    assert outcome == AddOutcome(duplicates=1, sources=1, entries=1)
    with store.reader() as catalog:
        assert catalog.images.get(image_id).sources == ("/pictures/1.jpg", "/pictures/copy.jpg")
        assert catalog.entries.image_ids(None, datetime.now(UTC)).tolist() == [image_id]


def test_a_source_of_no_image_is_refused(store: Store) -> None:
    with store.writer() as writer, pytest.raises(NotFoundError, match="image 7"):
        writer.images.add_sources([(7, arrival("a.jpg"))])


def test_a_changed_file_closes_its_old_source_and_opens_a_new_one(
    store: Store, space: Space
) -> None:
    [old] = add(store, space, 1)
    with store.writer() as writer:
        outcome = writer.images.add([(new_image(2), arrival("1.jpg", version="2"))], space.id)
    assert outcome == AddOutcome(added=1, sources=1)
    with store.reader() as catalog:
        [new] = catalog.images.ids_by_sha256([new_image(2).sha256]).values()
        assert catalog.sources.known(["/pictures/1.jpg"]) == {
            "/pictures/1.jpg": KnownSource(new, 100, "2")
        }
        assert catalog.images.get(old).sources == ()
        assert catalog.images.get(new).sources == ("/pictures/1.jpg",)


def test_a_touched_file_with_the_same_bytes_gets_its_new_stamp(store: Store, space: Space) -> None:
    [image_id] = add(store, space, 1)
    with store.writer() as writer:
        outcome = writer.images.add_sources([(image_id, arrival("1.jpg", version="2"))])
    assert outcome == AddOutcome(duplicates=1)
    with store.reader() as catalog:
        assert catalog.sources.known(["/pictures/1.jpg"])["/pictures/1.jpg"].version == "2"
        assert catalog.gauges.counts().sources == 1


def test_an_embedding_of_another_length_is_refused(store: Store, space: Space) -> None:
    image = dataclasses.replace(new_image(1), embedding=np.ones(3, np.float32))
    with pytest.raises(DimensionMismatch, match=f"length {DIMENSION}, got one of length 3"):
        _add_images(store, space, image)


def test_an_embedding_that_is_not_finite_is_refused(store: Store, space: Space) -> None:
    image = dataclasses.replace(new_image(2), embedding=np.full(DIMENSION, np.nan, np.float32))
    with pytest.raises(UnusableOutput, match=r"row\(s\) 1 "):
        _add_images(store, space, new_image(1), image)
    assert log_of(store) == []


def _add_images(store: Store, space: Space, *images: NewImage) -> None:
    with store.writer() as writer:
        writer.images.add([(image, arrival("a.jpg")) for image in images], space.id)


def test_a_space_or_bank_that_does_not_exist_is_named(store: Store, space: Space) -> None:
    with store.writer() as writer, pytest.raises(NotFoundError, match="space with id 99"):
        writer.images.add([item(1)], 99)
    with store.writer() as writer, pytest.raises(NotFoundError, match="bank with id 99"):
        writer.images.add([item(1, bank_id=99)], space.id)


def test_text_that_no_database_holds_is_escaped(store: Store, space: Space) -> None:
    names = ["latin\udce9.jpg", "a" * 5000]  # not UTF-8; longer than an index entry may be
    with store.writer() as writer:
        for seed, name in enumerate(names):
            writer.images.add([(new_image(seed), arrival(name))], space.id)
    with store.reader() as catalog:
        known = catalog.sources.known([f"/pictures/{name}" for name in names])
        first = catalog.images.page()[0]
    assert len(known) == 2
    assert first.sources == ("/pictures/latin\\udce9.jpg",)


# Removing


def test_a_removed_image_is_gone_with_its_sources_and_entries(
    store: Store, space: Space, bank: Bank
) -> None:
    kept, removed = add(store, space, 1, 2, bank_id=bank.id)
    with store.writer() as writer:
        assert writer.images.remove([removed, removed, 999]) == 1
        assert writer.images.remove([removed]) == 0
    with store.reader() as catalog:
        assert [record.id for record in catalog.images.page()] == [kept]
        assert catalog.images.ids_by_sha256([new_image(2).sha256]) == {}
        assert catalog.sources.known(["/pictures/2.jpg"]) == {}
        assert catalog.entries.image_ids(None, datetime.now(UTC)).tolist() == [kept]
        assert catalog.banks.get("unsafe").entry_count == 1
        with pytest.raises(NotFoundError, match=f"No image {removed} "):
            catalog.images.get(removed)


def test_adding_a_removed_image_makes_it_active_again_under_its_id(
    store: Store, space: Space, bank: Bank
) -> None:
    [image_id] = add(store, space, 1, bank_id=bank.id)
    with store.writer() as writer:
        writer.images.remove([image_id])
    with store.writer() as writer:
        outcome = writer.images.add([item(1)], space.id)
    assert outcome == AddOutcome(added=1, reactivated=1, sources=1)
    with store.reader() as catalog:
        record = catalog.images.get(image_id)
    assert record.sources == ("/pictures/1.jpg",)
    assert record.entries == ()  # a bank takes it back only when asked to


def test_a_source_of_an_image_removed_meanwhile_brings_it_back(store: Store, space: Space) -> None:
    [image_id] = add(store, space, 1)
    with store.writer() as writer:
        writer.images.remove([image_id])
        assert writer.images.add_sources([(image_id, arrival("1.jpg"))]).reactivated == 1
    with store.reader() as catalog:
        assert catalog.images.get(image_id).sources == ("/pictures/1.jpg",)


# Banks


def test_creating_a_bank_twice_gives_the_same_bank(store: Store, bank: Bank) -> None:
    with store.writer() as writer:
        assert writer.banks.create("unsafe", BankKind.BLOCK) == bank
        assert writer.banks.all() == [bank]
    assert log_of(store) == [(1, "bank", "added", bank.id)]


def test_a_bank_keeps_its_kind(store: Store, bank: Bank) -> None:
    with store.writer() as writer, pytest.raises(BankMismatch, match="kind block, not allow"):
        writer.banks.create(bank.name, BankKind.ALLOW)


@pytest.mark.parametrize("name", ["", ".hidden", "-x", "a b", "a/b", "ü", "a\n", "x" * 65])
def test_names_that_are_no_good_are_refused(store: Store, name: str) -> None:
    with store.writer() as writer, pytest.raises(InvalidName, match="is not a valid bank name"):
        writer.banks.create(name, BankKind.BLOCK)


def test_a_mistyped_bank_is_answered_with_the_nearest_name(store: Store, bank: Bank) -> None:
    with store.reader() as catalog:
        for name in ("unsave", "un\0safe"):
            with pytest.raises(NotFoundError, match=f"Did you mean {bank.name}"):
                catalog.banks.get(name)
        with pytest.raises(NotFoundError, match="lookalike bank list"):
            catalog.entries.image_ids(["unsafe", "other"], datetime.now(UTC))


def test_entries_are_made_once(store: Store, space: Space, bank: Bank) -> None:
    ids = add(store, space, 1, 2)
    with store.writer() as writer:
        assert writer.entries.add(bank.id, ids) == 2
        assert writer.entries.add(bank.id, ids) == 0
    assert [change[:3] for change in log_of(store)][-2:] == [
        (4, "entry", "added"),
        (5, "entry", "added"),
    ]


def test_only_active_images_become_entries(store: Store, space: Space, bank: Bank) -> None:
    [image_id] = add(store, space, 1)
    with store.writer() as writer:
        writer.images.remove([image_id])
        with pytest.raises(NotFoundError, match=f"No image {image_id}, 77 "):
            writer.entries.add(bank.id, [image_id, 77])
        with pytest.raises(NotFoundError, match="bank with id 99"):
            writer.entries.add(99, [])


def test_entries_can_be_read_by_bank(store: Store, space: Space, bank: Bank) -> None:
    first, second, third = add(store, space, 1, 2, 3)
    with store.writer() as writer:
        fine = writer.banks.create("fine", BankKind.ALLOW)
        writer.entries.add(bank.id, [second, first])
        writer.entries.add(fine.id, [second])
    with store.reader() as catalog:
        for names, expected in [
            (None, [first, second]),
            (["unsafe"], [first, second]),
            (["fine"], [second]),
            (["fine", "unsafe"], [first, second]),
            ([], []),
        ]:
            found = catalog.entries.image_ids(names, datetime.now(UTC))
            assert found.tolist() == expected
            assert found.dtype == np.int64
        assert [record.id for record in catalog.images.page(bank="fine")] == [second]
        assert catalog.images.get(third).entries == ()
        assert [entry.bank for entry in catalog.images.get(second).entries] == ["unsafe", "fine"]


def test_the_last_bank_change_moves_only_with_banks_and_entries(
    store: Store, space: Space, bank: Bank
) -> None:
    def last() -> int:
        with store.reader() as catalog:
            return catalog.log.last_of_banks()

    created = last()
    assert created == 1
    [image_id] = add(store, space, 1)
    assert last() == created
    with store.writer() as writer:
        writer.entries.add(bank.id, [image_id])
    entered = last()
    assert entered > created
    with store.writer() as writer:
        writer.images.remove([image_id])
    assert last() > entered


# Reading


def test_images_are_listed_in_pages(store: Store, space: Space) -> None:
    ids = add(store, space, *range(5))
    with store.reader() as catalog:
        first = catalog.images.page(limit=3)
        rest = catalog.images.page(after_id=first[-1].id, limit=3)
        assert [record.id for record in first + rest] == ids
        assert catalog.images.page(after_id=10**30) == []


def test_ids_that_cannot_be_are_not_found(store: Store) -> None:
    with store.reader() as catalog:
        assert catalog.images.get_many([-1, 0, MAX_ID, MAX_ID + 1, 10**30]) == {}
        with pytest.raises(NotFoundError):
            catalog.images.get(10**30)


@pytest.mark.parametrize(
    "database_url", ["sqlite", pytest.param("postgres", marks=pytest.mark.long)], indirect=True
)
def test_more_ids_than_a_statement_takes_can_be_asked_for(store: Store, space: Space) -> None:
    ids = add(store, space, 1, 2)
    with store.reader() as catalog:
        assert list(catalog.images.get_many(range(33_000))) == ids
        assert len(catalog.sources.known(f"/pictures/{n}.jpg" for n in range(33_000))) == 2


def test_everything_is_counted(store: Store, space: Space, bank: Bank) -> None:
    ids = add(store, space, 1, 2, 3, 4, bank_id=bank.id, frames=2)
    with store.writer() as writer:
        writer.images.remove(ids[:1])
        writer.images.purge(ids[1:2])
        writer.quarantine.add([SkippedSource("/bad.jpg", "unreadable_image", "truncated")])
    with store.reader() as catalog:
        assert catalog.gauges.counts() == Counts(
            images=2,
            parts=4,
            sources=2,
            embeddings=2,
            embeddings_by_space={FINGERPRINT: 6},
            banks=1,
            entries=2,
            purged=1,
            quarantined=1,
            quarantined_by_code={"unreadable_image": 1},
            changes=13,
        )


def test_bad_files_stay_in_quarantine_until_released(store: Store) -> None:
    first = [
        SkippedSource("/b.jpg", "unreadable_image", "truncated"),
        SkippedSource("/a.jpg", "empty_image", "no bytes: \0"),
    ]
    with store.writer() as writer:
        writer.quarantine.add(first)
    with store.writer() as writer:
        writer.quarantine.add([SkippedSource("/b.jpg", "image_too_large", "too many pixels")])
    with store.reader() as catalog:
        a, b = catalog.quarantine.page()
        assert (a.uri, a.code, a.reason) == ("/a.jpg", "empty_image", "no bytes: \\x00")
        assert (b.uri, b.code, b.reason) == ("/b.jpg", "image_too_large", "too many pixels")
        assert b.first_seen_at == a.first_seen_at
        assert b.last_seen_at > b.first_seen_at
        assert catalog.quarantine.page(limit=1) == [a]
        assert catalog.quarantine.page(after_uri="/a.jpg") == [b]
    with store.writer() as writer:
        assert writer.quarantine.release(["/a.jpg", "/never/seen.jpg"]) == 1
    with store.reader() as catalog:
        assert catalog.quarantine.page() == [b]


def test_the_quarantine_can_be_read_and_cleared_by_code(store: Store) -> None:
    codes = ["unreadable_image", "empty_image", "unreadable_image", "image_too_large"]
    with store.writer() as writer:
        writer.quarantine.add(
            SkippedSource(f"/{n}.jpg", code, "bad") for n, code in enumerate(codes)
        )

    def uris(**options: Any) -> list[str]:
        with store.reader() as catalog:
            return [file.uri for file in catalog.quarantine.page(**options)]

    assert uris(code="unreadable_image") == ["/0.jpg", "/2.jpg"]
    assert uris(code="unreadable_image", after_uri="/0.jpg") == ["/2.jpg"]
    assert uris(code="no_such_code") == []
    with store.writer() as writer:
        assert writer.gauges.counts().quarantined_by_code == {
            "empty_image": 1,
            "image_too_large": 1,
            "unreadable_image": 2,
        }
        assert writer.quarantine.clear(code="unreadable_image") == 2
    assert uris() == ["/1.jpg", "/3.jpg"]
    with store.writer() as writer:
        assert writer.quarantine.clear() == 2
    assert uris() == []


# Transactions and the log


def test_every_visible_change_is_logged(store: Store, space: Space, bank: Bank) -> None:
    [image_id] = add(store, space, 1, bank_id=bank.id)
    with store.reader() as catalog:
        [entry] = catalog.images.get(image_id).entries
    with store.writer() as writer:
        writer.images.remove([image_id])
    add(store, space, 1)
    assert log_of(store) == [
        (1, "bank", "added", bank.id),
        (2, "image", "added", image_id),
        (3, "entry", "added", entry.id),
        (4, "image", "removed", image_id),
        (5, "entry", "removed", entry.id),
        (6, "image", "added", image_id),
    ]


def test_a_failed_writer_leaves_nothing_and_no_gap(store: Store, space: Space) -> None:
    add(store, space, 1)

    def fail() -> None:
        with store.writer() as writer:
            writer.images.add([item(2)], space.id)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    add(store, space, 3)
    with store.reader() as catalog:
        assert [change[0] for change in log(catalog)] == [1, 2]
        assert catalog.log.head() == 2
        assert catalog.images.ids_by_sha256([new_image(2).sha256]) == {}


def test_a_reader_sees_one_state_whatever_is_committed_meanwhile(
    store: Store, space: Space
) -> None:
    add(store, space, 1)
    with store.reader() as catalog:
        before = catalog.gauges.counts()
        add(store, space, 2)
        assert catalog.gauges.counts() == before
        assert len(catalog.images.page()) == 1
    with store.reader() as catalog:
        assert len(catalog.images.page()) == 2


def test_a_writer_waits_for_the_one_before_it(database_url: str, store: Store) -> None:
    space = bind(store)
    order = []

    def write() -> None:
        with open_store(database_url) as other:
            add(other, space, 2)
            order.append("second")

    thread = threading.Thread(target=write)
    with store.writer() as writer:
        thread.start()
        time.sleep(0.3)
        writer.images.add([item(1)], space.id)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]
    with store.reader() as catalog:
        assert len(catalog.images.page()) == 2


def test_a_log_that_stays_locked_is_unavailable(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("indexer.store.database.engine.LOCK_WAIT", 1)
    with open_store(database_url) as store, store.writer():
        engine = make_engine(parse_address(database_url))
        try:
            with pytest.raises(DatabaseUnavailable, match="locked"), writing(engine):
                pass
        finally:
            engine.dispose()


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_a_lost_connection_is_unavailable_and_the_next_one_works(
    database_url: str, store: Store
) -> None:
    def lose() -> None:
        with store.reader() as catalog, psycopg.connect(database_url, autocommit=True) as other:
            backend = catalog.connection.scalar(text("SELECT pg_backend_pid()"))
            other.execute("SELECT pg_terminate_backend(%s)", [backend])
            catalog.log.head()

    with pytest.raises(DatabaseUnavailable, match="cannot be used now"):
        lose()
    with store.reader() as catalog:
        assert catalog.log.head() == 0


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_sqlite_writes_through_to_the_disk_and_checks_references(store: Store) -> None:
    with store.reader() as catalog:
        for pragma, value in [
            ("journal_mode", "wal"),
            ("synchronous", 2),
            ("foreign_keys", 1),
            ("secure_delete", 1),
        ]:
            assert catalog.connection.scalar(text(f"PRAGMA {pragma}")) == value


@pytest.mark.slow
def test_two_processes_add_overlapping_images_each_once_and_without_gaps(
    database_url: str,
) -> None:
    halves = [list(range(40)), list(range(20, 60))[::-1]]
    assert run_each(*(partial(add_one_by_one, database_url, half) for half in halves)) == [0, 0]
    with open_store(database_url) as store, store.reader() as catalog:
        counts = catalog.gauges.counts()
        changes = log(catalog)
    assert (counts.images, counts.sources, counts.entries, counts.banks) == (60, 60, 60, 1)
    assert [change[0] for change in changes] == list(range(1, 122))
    assert len({change[1:] for change in changes}) == 121  # nothing was logged twice
