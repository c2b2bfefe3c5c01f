"""Parts: further frames and tiles of an image, each with vectors of its own."""

import dataclasses

import numpy as np
import pytest

from indexer.errors import DimensionMismatch, UnusableOutput
from indexer.store import AddOutcome, EmbeddingFeed, PdqFeed, Store
from indexer.types import NewImage, NewPart, PartKind, Space
from support.catalog import DIMENSION, LABELS, add, arrival, bind, item, new_image

pytestmark = pytest.mark.postgres


@pytest.fixture
def space(store: Store) -> Space:
    return bind(store)


def test_parts_read_back_as_they_were_added(store: Store, space: Space) -> None:
    image = new_image(1, frames=2, tiles=2)
    [image_id] = add(store, space, 1, frames=2, tiles=2)
    with store.reader() as catalog:
        assert catalog.images.get(image_id).parts == ()  # read with the embedding only
        record = catalog.images.get_many([image_id], with_embedding=True)[image_id]
    for stored, new in zip(record.parts, image.parts, strict=True):
        assert (stored.part, stored.pdq) == (new.part, new.pdq)
        np.testing.assert_array_equal(stored.embedding, new.embedding)
        assert stored.probabilities == dict(zip(LABELS, new.probabilities.tolist(), strict=True))
    np.testing.assert_array_equal(record.embedding, image.embedding)


def test_the_kinds_of_parts_are_known_of_images_that_have_any(store: Store, space: Space) -> None:
    plain, *_ = add(store, space, 1)
    [framed] = add(store, space, 2, frames=1)
    [both] = add(store, space, 3, frames=1, tiles=1)
    with store.reader() as catalog:
        assert catalog.images.part_kinds([plain, framed, both, 99]) == {
            framed: {PartKind.FRAME},
            both: {PartKind.FRAME, PartKind.TILE},
        }


def test_the_feeds_give_every_part_under_the_image_s_id(store: Store, space: Space) -> None:
    image = new_image(1, frames=2, tiles=1)
    first, second = add(store, space, 1, 2, frames=2, tiles=1)
    embeddings = EmbeddingFeed(store, space.id).read(0, 100)
    assert embeddings.keys.tolist() == [first] * 4 + [second] * 4
    wanted = [image.embedding, *(part.embedding for part in image.parts)]
    np.testing.assert_array_equal(embeddings.vectors[:4], wanted)
    pdqs = PdqFeed(store, 50).read(0, 100)
    good = [image.pdq, *(part.pdq for part in image.parts if part.pdq.quality >= 50)]
    assert pdqs.keys.tolist() == [first] * len(good) + [second] * len(good)
    assert [row.tobytes() for row in pdqs.vectors[: len(good)]] == [pdq.bits for pdq in good]


def test_a_flat_first_frame_does_not_hide_the_parts_that_can_be_hashed(
    store: Store, space: Space
) -> None:
    [image_id] = add(store, space, 1, pdq_quality=0, frames=1)
    changes = PdqFeed(store, 50).read(0, 100)
    assert (changes.keys.tolist(), changes.removed.tolist()) == ([image_id], [])


def test_parts_of_removed_images_leave_the_feeds(store: Store, space: Space) -> None:
    ids = add(store, space, 1, 2, frames=2)
    with store.writer() as writer:
        writer.images.remove(ids[:1])
    for feed in (EmbeddingFeed(store, space.id), PdqFeed(store, 0)):
        changes = feed.read(0, 100)
        assert changes.removed.tolist() == ids[:1]
        assert changes.keys.tolist() == ids[1:] * 3


def test_a_feed_gives_no_more_vectors_at_once_than_asked_for(store: Store, space: Space) -> None:
    ids = add(store, space, *range(6), frames=3)
    [large] = add(store, space, 6, frames=30)
    ids += [large, *add(store, space, 7)]
    feed = EmbeddingFeed(store, space.id)
    after, seen = 0, []
    while (changes := feed.read(after, 10)).watermark > after:
        assert len(changes.keys) <= 10 or set(changes.keys.tolist()) == {large}
        after = changes.watermark
        seen += np.unique(changes.keys).tolist()
    assert (after, seen) == (feed.head(), ids)


def test_an_image_gains_the_parts_that_it_lacks(store: Store, space: Space) -> None:
    [image_id] = add(store, space, 1)
    feed = EmbeddingFeed(store, space.id)
    for kinds, vectors, completed in [
        ({"frames": 1}, 2, 1),
        ({"frames": 2, "tiles": 1}, 4, 1),
        ({"frames": 2}, 4, 0),
        ({}, 4, 0),
    ]:
        before = feed.head()
        with store.writer() as writer:
            outcome = writer.images.add([item(1, **kinds)], space.id)
        assert outcome == AddOutcome(duplicates=1, completed=completed)
        changes = feed.read(before, 100)
        assert changes.watermark == before + completed
        assert changes.keys.tolist() == [image_id] * vectors * completed
    with store.reader() as catalog:
        record = catalog.images.get_many([image_id], with_embedding=True)[image_id]
        assert catalog.repair.problems() == []
    numbers = [(stored.part.kind.value, stored.part.number) for stored in record.parts]
    assert numbers == [("frame", 1), ("frame", 2), ("tile", 0)]


def test_another_grid_of_tiles_joins_the_one_before(store: Store, space: Space) -> None:
    [image_id] = add(store, space, 1, tiles=1)
    [tile] = new_image(1, tiles=1).parts
    finer = dataclasses.replace(tile, part=dataclasses.replace(tile.part, box=(0, 0, 10, 10)))
    with store.writer() as writer:
        again = dataclasses.replace(new_image(1), parts=(finer, finer))
        assert writer.images.add([(again, arrival("1.jpg"))], space.id).completed == 1
    with store.reader() as catalog:
        record = catalog.images.get_many([image_id], with_embedding=True)[image_id]
    assert [stored.part for stored in record.parts] == [tile.part, finer.part]


def with_embedding(vector: list[float]) -> NewImage:
    """Make an image with a part of this embedding."""
    image = new_image(2, frames=1)
    part: NewPart = dataclasses.replace(image.parts[0], embedding=np.array(vector, np.float32))
    return dataclasses.replace(image, parts=(part,))


def test_a_part_that_no_view_could_hold_is_refused(store: Store, space: Space) -> None:
    for error, vector in [
        (DimensionMismatch, [1.0] * 3),
        (UnusableOutput, [float("nan")] * DIMENSION),
    ]:
        items = [item(1, frames=1), (with_embedding(vector), arrival("2.jpg"))]
        with store.writer() as writer, pytest.raises(error, match=r"length 3|row\(s\) 1 "):
            writer.images.add(items, space.id)
    with store.reader() as catalog:
        assert catalog.log.head() == 0
