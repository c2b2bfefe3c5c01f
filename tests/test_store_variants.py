"""Variants: further parts of an entry's image, which go when the entry does."""

from dataclasses import replace

import pytest

from indexer.errors import ClassifierReplaced, DimensionMismatch
from indexer.store import EmbeddingFeed, PdqFeed, Store
from indexer.types import BankKind, NewPart, Part, PartKind, Space
from support.catalog import add, bind, new_image

pytestmark = pytest.mark.postgres


@pytest.fixture
def space(store: Store) -> Space:
    return bind(store)


def variants(*seeds: int) -> list[NewPart]:
    """Return made-up variants."""
    made = ((seed, new_image(seed)) for seed in seeds)
    return [
        NewPart(
            Part(PartKind.VARIANT, seed, None, f"style:mist@{seed}"),
            image.pdq,
            image.embedding,
            image.probabilities,
        )
        for seed, image in made
    ]


def harden(store: Store, space: Space, bank: str, *seeds: int) -> list[int]:
    """Add images to a bank, with two variants each and one further part."""
    ids = add(store, space, *seeds, frames=1)
    with store.writer() as writer:
        bank_id = writer.banks.create(bank, BankKind.BLOCK).id
        writer.entries.add(bank_id, ids)
        made = {i: variants(100 + i, 200 + i) for i in ids}
        assert writer.variants.replace(bank_id, made, space.id, None) == 2 * len(ids)
    return ids


def recipes(store: Store, ids: list[int]) -> dict[int, list[str]]:
    with store.reader() as catalog:
        return catalog.variants.recipes(ids)


def problems(store: Store) -> list[str]:
    with store.reader() as catalog:
        return catalog.repair.problems()


def test_variants_read_back_and_every_feed_gives_them(store: Store, space: Space) -> None:
    [image_id] = harden(store, space, "known", 1)

    with store.reader() as catalog:
        record = catalog.images.get_many([image_id], with_embedding=True)[image_id]
        assert catalog.variants.hardened([image_id], space.id) == {image_id}
    kinds = [stored.part.kind for stored in record.parts]
    assert kinds == [PartKind.FRAME, PartKind.VARIANT, PartKind.VARIANT]
    assert recipes(store, [image_id])[image_id] == ["style:mist@101", "style:mist@201"]
    for feed in (EmbeddingFeed(store, space.id), PdqFeed(store, 0)):
        assert feed.read(0, 100).keys.tolist() == [image_id] * 4
    assert problems(store) == []


def test_new_variants_take_the_place_of_the_old_ones(store: Store, space: Space) -> None:
    [image_id] = harden(store, space, "known", 1)

    with store.writer() as writer:
        bank_id = writer.banks.id_of("known")
        writer.variants.replace(bank_id, {image_id: variants(7), 99: variants(8)}, space.id, None)

    assert recipes(store, [image_id, 99]) == {image_id: ["style:mist@7"]}
    assert EmbeddingFeed(store, space.id).read(0, 100).keys.tolist() == [image_id] * 3
    assert problems(store) == []


def test_variants_can_be_taken_away_and_the_parts_stay(store: Store, space: Space) -> None:
    ids = harden(store, space, "known", 1, 2)
    feed = EmbeddingFeed(store, space.id)
    before = feed.head()

    with store.writer() as writer:
        removed = writer.variants.remove(writer.banks.id_of("known"), ids)

    assert removed == {ids[0]: 2, ids[1]: 2}
    assert recipes(store, ids) == {}
    assert feed.read(before, 100).keys.tolist() == [ids[0]] * 2 + [ids[1]] * 2
    assert problems(store) == []


def test_variants_go_with_the_last_entry_of_a_block_bank(store: Store, space: Space) -> None:
    first, second, third = harden(store, space, "known", 1, 2, 3)
    with store.writer() as writer:
        other = writer.banks.create("other", BankKind.BLOCK).id
        benign = writer.banks.create("benign", BankKind.ALLOW).id
        writer.entries.add(other, [second])
        writer.entries.add(benign, [third])
        of_known = [writer.entries.of_image("known", i).id for i in (first, second, third)]

        writer.entries.remove(of_known)

    assert recipes(store, [first, second, third]).keys() == {second}
    assert problems(store) == []


def test_variants_go_with_their_bank_and_their_image(store: Store, space: Space) -> None:
    removed, purged, kept = harden(store, space, "known", 1, 2, 3)
    with store.writer() as writer:
        writer.images.remove([removed])
        writer.images.purge([purged])

    assert recipes(store, [removed, purged, kept]).keys() == {kept}
    assert problems(store) == []

    with store.writer() as writer:
        writer.banks.remove("known")

    assert recipes(store, [kept]) == {}
    assert EmbeddingFeed(store, space.id).read(0, 100).keys.tolist() == [kept] * 2
    assert problems(store) == []


def test_variants_need_no_vector_in_another_space(store: Store, space: Space) -> None:
    [image_id] = harden(store, space, "known", 1)
    with store.writer() as writer:
        other = writer.spaces.add(
            fingerprint="f" * 64,
            model="other",
            architecture="none",
            dimension=space.dimension,
            labels=space.labels,
        )
        [picture] = writer.embeddings.pictures([image_id])
        made = replace(new_image(1, frames=1), classifier=None)
        writer.embeddings.embed({image_id: made}, other.id)
        assert writer.embeddings.lacking(other.id) == []
        assert writer.variants.hardened([image_id], other.id) == set()

    assert [part.kind for part in picture.parts] == [PartKind.FRAME]


def test_variants_that_do_not_fit_the_space_are_refused(store: Store, space: Space) -> None:
    [image_id] = harden(store, space, "known", 1)
    [variant] = variants(7)
    short = replace(variant, embedding=variant.embedding[:2])

    with pytest.raises(DimensionMismatch), store.writer() as writer:
        writer.variants.replace(writer.banks.id_of("known"), {image_id: [short]}, space.id, None)
    with pytest.raises(ClassifierReplaced), store.writer() as writer:
        writer.variants.replace(writer.banks.id_of("known"), {image_id: [variant]}, space.id, "x 1")

    assert len(recipes(store, [image_id])[image_id]) == 2
