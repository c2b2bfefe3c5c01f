"""Sources: what is said of them, and which of them are gone."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from indexer.store import AddOutcome, Arrival, CloseOutcome, OpenSource, Store
from indexer.store.models import SourceRow
from indexer.store.models.columns import plain_json
from indexer.types import BankKind, KnownSource, SourceDetails, SourceStamp, Space
from support.catalog import add, arrival, bind, item, new_image

pytestmark = pytest.mark.postgres

DETAILS = SourceDetails(
    label="nsfw",
    uploader="user 7",
    created_at=datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC),
    metadata={"post": 12, "tags": ["a", None]},
)


@pytest.fixture
def space(store: Store) -> Space:
    return bind(store)


def details_of(store: Store, uri: str) -> SourceDetails:
    columns = SourceRow.__table__.c
    statement = SourceRow.__table__.select().where(columns.uri == uri, columns.closed_at.is_(None))
    with store.reader() as catalog:
        row = catalog.connection.execute(statement).one()
    return SourceDetails(row.label, row.uploader, row.created_at, row.free_metadata)


def test_what_a_manifest_says_is_kept_until_another_says_otherwise(
    store: Store, space: Space
) -> None:
    [image_id] = add(store, space, 1)
    assert details_of(store, "/pictures/1.jpg") == SourceDetails()
    for said, kept in [
        (DETAILS, DETAILS),
        (SourceDetails(), DETAILS),  # the folder is walked again, without its manifest
        (SourceDetails(label="sfw"), SourceDetails(label="sfw")),
    ]:
        with store.writer() as writer:
            outcome = writer.images.add_sources([(image_id, arrival("1.jpg", details=said))])
        assert outcome == AddOutcome(duplicates=1)
        assert details_of(store, "/pictures/1.jpg") == kept


def test_a_source_may_have_neither_size_nor_version(store: Store, space: Space) -> None:
    with store.writer() as writer:
        writer.images.add([(new_image(1), Arrival(SourceStamp("https://host/1", None, "")))], 1)
    with store.reader() as catalog:
        assert catalog.sources.known(["https://host/1"]) == {
            "https://host/1": KnownSource(1, None, "")
        }
    assert space.id == 1


_json = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text() | st.integers() | st.datetimes(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(metadata=st.dictionaries(st.text(), _json, max_size=3))
def test_any_metadata_can_be_stored_and_is_not_written_again(
    store: Store, metadata: dict[str, Any]
) -> None:
    space = bind(store)
    [image_id] = add(store, space, 1)
    found = arrival("1.jpg", details=SourceDetails(label="x", metadata=metadata))
    with store.writer() as writer:
        writer.images.add_sources([(image_id, found)])
    stored = details_of(store, "/pictures/1.jpg").metadata
    assert stored == plain_json(metadata)
    assert plain_json(stored) == stored


def test_items_of_one_batch_join_banks_of_their_own(store: Store, space: Space) -> None:
    with store.writer() as writer:
        unsafe = writer.banks.create("unsafe", BankKind.BLOCK)
        fine = writer.banks.create("fine", BankKind.ALLOW)
        outcome = writer.images.add(
            [item(1, bank_id=unsafe.id), item(2, bank_id=fine.id), item(3)], space.id
        )
        further = writer.images.add_sources([(1, arrival("copy.jpg", bank_id=fine.id))])
    assert (outcome.entries, further.entries) == (2, 1)
    with store.reader() as catalog:
        assert catalog.entries.image_ids(["unsafe"], datetime.now(UTC)).tolist() == [1]
        assert catalog.entries.image_ids(["fine"], datetime.now(UTC)).tolist() == [1, 2]


def add_files(store: Store, space: Space, *uris: str) -> None:
    """Add an image for each file."""
    with store.writer() as writer:
        seeds = len(writer.sources.page(""))
        writer.images.add(
            [
                (new_image(seed), Arrival(SourceStamp(uri, 1, "1")))
                for seed, uri in enumerate(uris, seeds)
            ],
            space.id,
        )


def open_uris(store: Store, prefix: str, **options: Any) -> list[str]:
    with store.reader() as catalog:
        return [source.uri for source in catalog.sources.page(prefix, **options)]


def test_open_sources_are_found_by_the_beginning_of_their_uri(store: Store, space: Space) -> None:
    uris = ["/a/1.jpg", "/a/2.jpg", "/A/1.jpg", "/a%/1.jpg", "/ab.tar!/1.jpg", "/ä/1.jpg"]
    add_files(store, space, *uris)
    assert open_uris(store, "") == uris
    assert open_uris(store, "/a/") == uris[:2]
    assert open_uris(store, "/a") == [uris[n] for n in (0, 1, 3, 4)]
    assert open_uris(store, "/a%/") == ["/a%/1.jpg"]
    assert open_uris(store, "/ab.tar!/") == ["/ab.tar!/1.jpg"]
    assert open_uris(store, "/ä/") == ["/ä/1.jpg"]
    assert open_uris(store, "/a\udce9") == []


def test_open_sources_come_in_pages(store: Store, space: Space) -> None:
    add_files(store, space, *(f"/a/{n}.jpg" for n in range(5)))
    with store.reader() as catalog:
        first = catalog.sources.page("/a/", limit=3)
        rest = catalog.sources.page("/a/", after_id=first[-1].id, limit=3)
    assert first[0] == OpenSource(1, "/a/0.jpg", 1)
    assert [source.uri for source in first + rest] == [f"/a/{n}.jpg" for n in range(5)]


def test_a_walk_tells_which_sources_are_gone(store: Store, space: Space) -> None:
    add_files(store, space, "/a/kept.jpg", "/a/gone.jpg", "/b/elsewhere.jpg")
    with store.reader() as catalog:
        walk = catalog.sources.begin_walk()
    with store.writer() as writer:
        writer.sources.mark_walked(walk, ["/a/kept.jpg", "/a/never-indexed.jpg"])
    add_files(store, space, "/a/added-meanwhile.jpg")
    assert open_uris(store, "/a/", not_met_by=walk) == ["/a/gone.jpg"]


def test_walks_do_not_count_for_each_other(store: Store, space: Space) -> None:
    add_files(store, space, "/a/1.jpg", "/a/2.jpg")
    with store.reader() as catalog:
        walks = [catalog.sources.begin_walk(), catalog.sources.begin_walk()]
    with store.writer() as writer:
        writer.sources.mark_walked(walks[0], ["/a/1.jpg", "/a/2.jpg"])
    assert open_uris(store, "/a/", not_met_by=walks[0]) == []
    assert open_uris(store, "/a/", not_met_by=walks[1]) == ["/a/1.jpg", "/a/2.jpg"]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_two_walks_at_once_neither_takes_for_gone_what_both_met(
    store: Store, space: Space, order: tuple[int, int]
) -> None:
    add_files(store, space, "/a/1.jpg", "/a/2.jpg", "/a/gone.jpg")
    with store.reader() as catalog:
        walks = [catalog.sources.begin_walk(), catalog.sources.begin_walk()]
    for number in order:
        with store.writer() as writer:
            writer.sources.mark_walked(walks[number], ["/a/1.jpg", "/a/2.jpg"])

    for walk in walks:
        assert open_uris(store, "/a/", not_met_by=walk) == ["/a/gone.jpg"]


def test_a_walk_of_an_empty_catalog_finds_nothing_gone(store: Store) -> None:
    with store.reader() as catalog:
        walk = catalog.sources.begin_walk()
    assert open_uris(store, "", not_met_by=walk) == []


@pytest.mark.parametrize("remove_orphans", [False, True])
def test_closing_sources_leaves_their_images_unless_asked_to_remove_them(
    store: Store, space: Space, *, remove_orphans: bool
) -> None:
    orphan, shared = add(store, space, 1, 2)
    with store.writer() as writer:
        writer.images.add_sources([(shared, arrival("copy.jpg"))])
        ids = [source.id for source in writer.sources.page("") if "copy" not in source.uri]
        outcome = writer.sources.close([*ids, 999], remove_orphans=remove_orphans)
        assert writer.sources.close(ids) == CloseOutcome()
    assert outcome == CloseOutcome(closed=2, orphaned=1, removed=int(remove_orphans))
    with store.reader() as catalog:
        held = {record.id: record.sources for record in catalog.images.page()}
        assert catalog.repair.problems() == []
    expected: dict[int, tuple[str, ...]] = {shared: ("/pictures/copy.jpg",)}
    assert held == (expected if remove_orphans else {orphan: (), **expected})


def test_a_file_that_comes_back_opens_its_source_again(store: Store, space: Space) -> None:
    [image_id] = add(store, space, 1)
    with store.writer() as writer:
        writer.sources.close([1])
        assert writer.sources.known(["/pictures/1.jpg"]) == {}
        assert writer.images.add_sources([(image_id, arrival("1.jpg"))]).sources == 1
    with store.reader() as catalog:
        assert catalog.images.get(image_id).sources == ("/pictures/1.jpg",)


@pytest.mark.slow
@pytest.mark.parametrize(
    "database_url", ["sqlite", pytest.param("postgres", marks=pytest.mark.long)], indirect=True
)
def test_pages_of_what_is_gone_stay_quick_among_many_sources(store: Store, space: Space) -> None:
    [image_id] = add(store, space, 0)
    with store.writer() as writer:
        for start in range(0, 40_000, 10_000):
            names = range(start, start + 10_000)
            found = [Arrival(SourceStamp(f"/many/{n}.jpg", 1, "1")) for n in names]
            writer.images.add_sources([(image_id, each) for each in found])
    with store.reader() as catalog:
        walk = catalog.sources.begin_walk()
    with store.writer() as writer:
        writer.sources.mark_walked(walk, (f"/many/{n}.jpg" for n in range(40_000) if n % 1000))
    assert len(open_uris(store, "/many/", not_met_by=walk)) == 40
    with store.reader() as catalog:
        assert catalog.connection.scalar(text("SELECT count(*) FROM sources")) == 40_001
