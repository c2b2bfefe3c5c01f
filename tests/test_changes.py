import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexer.errors import NotFoundError
from indexer.store import EmbeddingFeed, PdqFeed, Store
from indexer.types import BankKind, ChangeFeed, Space
from support.catalog import DIMENSION, add, bind, item, new_image
from support.extent import extent

pytestmark = pytest.mark.postgres

MIN_QUALITY = 50


@pytest.fixture
def space(store: Store) -> Space:
    return bind(store)


View = dict[int, list[bytes]]  # vectors by key


def replay(feed: ChangeFeed, view: View, after: int, limit: int) -> int:
    """Bring a view up to date, `limit` changes at a time."""
    while True:
        changes = feed.read(after, limit)
        for key in changes.removed.tolist():
            view.pop(key, None)
        view |= {key: [] for key in changes.keys.tolist()}
        for key, row in zip(changes.keys.tolist(), changes.vectors, strict=True):
            view[key].append(row.tobytes())
        if changes.watermark == after:
            return after
        assert after < changes.watermark <= after + limit
        after = changes.watermark


def test_an_empty_log_has_nothing_to_tell(store: Store, space: Space) -> None:
    for feed, width in [(EmbeddingFeed(store, space.id), DIMENSION), (PdqFeed(store, 0), 32)]:
        changes = feed.read(0, 100)
        assert feed.head() == changes.watermark == 0
        assert feed.log_id == store.log_id
        assert changes.vectors.shape == (0, width)
        assert len(changes.keys) == len(changes.removed) == 0


def test_a_feed_of_a_space_that_does_not_exist_is_refused(store: Store) -> None:
    with pytest.raises(NotFoundError, match="space with id 5"):
        EmbeddingFeed(store, 5)


def test_the_embedding_feed_gives_the_vectors_that_were_added(store: Store, space: Space) -> None:
    ids = add(store, space, 1, 2)
    changes = EmbeddingFeed(store, space.id).read(0, 100)
    assert changes.watermark == 2
    assert (changes.keys.dtype, changes.vectors.dtype) == (np.int64, np.float32)
    assert changes.keys.tolist() == ids
    np.testing.assert_array_equal(changes.vectors, [new_image(n).embedding for n in (1, 2)])
    assert changes.vectors.flags.writeable


def test_the_pdq_feed_leaves_out_pictures_too_flat_to_hash(store: Store, space: Space) -> None:
    with store.writer() as writer:
        writer.images.add([item(1, pdq_quality=MIN_QUALITY - 1), item(2)], space.id)
    [flat] = store_ids(store, 1)
    [good] = store_ids(store, 2)
    changes = PdqFeed(store, MIN_QUALITY).read(0, 100)
    assert changes.keys.tolist() == [good]
    assert changes.removed.tolist() == [flat]
    assert changes.vectors.dtype == np.uint8
    assert changes.vectors.tobytes() == new_image(2).pdq.bits


def store_ids(store: Store, *seeds: int) -> list[int]:
    with store.reader() as catalog:
        return list(catalog.images.ids_by_sha256(new_image(seed).sha256 for seed in seeds).values())


def test_a_feed_tells_the_present_state_not_the_history(store: Store, space: Space) -> None:
    ids = add(store, space, 1, 2)
    with store.writer() as writer:
        writer.images.remove(ids[:1])
    changes = EmbeddingFeed(store, space.id).read(0, 1)  # the change that added the first image
    assert changes.watermark == 1
    assert changes.keys.tolist() == []
    assert changes.removed.tolist() == ids[:1]


def test_bank_changes_only_move_the_watermark(store: Store, space: Space) -> None:
    ids = add(store, space, 1)
    feed = EmbeddingFeed(store, space.id)
    seen = feed.head()
    with store.writer() as writer:
        writer.entries.add(writer.banks.create("unsafe", BankKind.BLOCK).id, ids)
    changes = feed.read(seen, 100)
    assert changes.watermark == feed.head() == seen + 2
    assert len(changes.keys) == len(changes.removed) == 0


def test_a_watermark_beyond_the_log_stays_where_it_is(store: Store, space: Space) -> None:
    assert EmbeddingFeed(store, space.id).read(7, 100).watermark == 7


_operations = st.lists(
    st.tuples(
        st.sampled_from(["add", "add to bank", "add parts", "remove", "purge"]),
        st.lists(st.integers(0, 7), min_size=1, max_size=4),
    ),
    max_size=8,
)


@pytest.mark.slow
@settings(
    max_examples=extent(8, 15),
    deadline=None,
    # the log only grows: every example goes on where the one before it ended
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(operations=_operations, limit=st.integers(1, 5), start=st.integers(0, 1000))
def test_replaying_from_any_watermark_in_any_steps_gives_what_the_tables_hold(
    store: Store, operations: list[tuple[str, list[int]]], limit: int, start: int
) -> None:
    space = bind(store)
    feeds: list[ChangeFeed] = [EmbeddingFeed(store, space.id), PdqFeed(store, MIN_QUALITY)]
    views: list[tuple[ChangeFeed, View, int]] = []
    for feed in feeds:
        current: View = {}
        views.append((feed, current, replay(feed, current, 0, 1000)))
    for operation in operations:
        apply(store, space, *operation)
    for feed, view, after in views:
        replay(feed, view, after, limit)
        again = dict(view)
        replay(feed, again, start % (feed.head() + 1), limit)
        assert again == view
        from_nothing: View = {}
        replay(feed, from_nothing, 0, limit * 50)
        assert from_nothing == view
    with store.reader() as catalog:
        records = catalog.images.get_many(range(1000), with_embedding=True).values()
        assert catalog.repair.problems() == []
    embeddings, pdqs = (view for _, view, _ in views)
    pictures = {record.id: [record, *record.parts] for record in records}
    assert embeddings == {
        key: [each.embedding.tobytes() for each in found if each.embedding is not None]
        for key, found in pictures.items()
    }
    good = {
        key: [each.pdq.bits for each in found if each.pdq.quality >= MIN_QUALITY]
        for key, found in pictures.items()
    }
    assert pdqs == {key: bits for key, bits in good.items() if bits}


def apply(store: Store, space: Space, operation: str, seeds: list[int]) -> None:
    with store.writer() as writer:
        if operation in {"remove", "purge"}:
            held = writer.images.ids_by_sha256(new_image(seed).sha256 for seed in seeds)
            leave = writer.images.remove if operation == "remove" else writer.images.purge
            leave(held.values())
            return
        bank = writer.banks.create("unsafe", BankKind.BLOCK) if "bank" in operation else None
        bank_id = bank.id if bank else None
        kinds = {"frames": 2, "tiles": 1} if "parts" in operation else {}
        items = [item(seed, bank_id=bank_id, pdq_quality=10 * seed, **kinds) for seed in seeds]
        writer.images.add(items, space.id)
