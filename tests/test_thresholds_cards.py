"""Cards in the store: written, read back, retired, chosen."""

from dataclasses import asdict, replace

import numpy as np
import pytest

from indexer.errors import NotFoundError
from indexer.settings import Settings
from indexer.store import Store
from indexer.thresholds import choose_thresholds, find_card
from indexer.thresholds.background_set import stored_pictures
from indexer.types import (
    BankKind,
    Histogram,
    NewCard,
    NewDecision,
    Outcome,
    RateUnit,
    Signal,
    SourceDetails,
    Tier,
)
from support.calibration import aim, calibrated, strangers
from support.catalog import LABELS, add, arrival, bind, new_image

pytestmark = pytest.mark.postgres


def a_card(space_id: int | None, **changes: object) -> NewCard:
    card = calibrated(aim(), strangers(50, 0)).card
    return replace(card, space_id=space_id, **changes)  # type: ignore[arg-type]


def add_card(store: Store, card: NewCard) -> int:
    with store.writer() as writer:
        return writer.cards.add(card).id


@pytest.fixture
def space_id(store: Store) -> int:
    return bind(store).id


def test_a_card_reads_back_as_it_was_written(store: Store, space_id: int) -> None:
    with store.writer() as writer:
        writer.banks.create("unsafe", BankKind.BLOCK)
    new = a_card(
        space_id,
        bank="unsafe",
        value=0.1 + 0.2,
        comparisons=10**12,
        source_count=12,
        prediction_low=1e-7,
        prediction_high=1 / 3,
    )

    card_id = add_card(store, new)

    with store.reader() as catalog:
        card = catalog.cards.get(card_id)
    assert {name: getattr(card, name) for name in asdict(new)} == {
        name: getattr(new, name) for name in asdict(new)
    }
    assert isinstance(card.histogram, Histogram)
    assert card.space == "ab" * 32
    assert card.retired_at is None
    assert (card.trials, card.rate) == (new.trials, new.rate)


def test_a_new_card_retires_the_one_whose_place_it_takes(store: Store, space_id: int) -> None:
    with store.writer() as writer:
        writer.banks.create("unsafe", BankKind.BLOCK)
    first = add_card(store, a_card(space_id))
    others = [
        add_card(store, a_card(space_id, bank="unsafe")),
        add_card(store, a_card(space_id, tier=Tier.NEAR_DUPLICATE)),
        add_card(store, a_card(None, signal=Signal.PDQ, tier=Tier.NEAR_DUPLICATE)),
    ]

    second = add_card(store, a_card(space_id, value=0.5))

    with store.reader() as catalog:
        assert {card.id for card in catalog.cards.page()} == {second, *others}
        assert [card.id for card in catalog.cards.page(retired=True)] == [
            second,
            *others[::-1],
            first,
        ]
        assert catalog.cards.get(first).retired_at == catalog.cards.get(second).created_at
        assert {bound.card_id for bound in catalog.cards.bounds(space_id)} == {second, *others}


def test_a_card_of_pdq_retires_the_one_before_it_in_any_space(store: Store, space_id: int) -> None:
    assert space_id
    pdq = a_card(None, signal=Signal.PDQ, tier=Tier.NEAR_DUPLICATE)

    first, second = add_card(store, pdq), add_card(store, replace(pdq, value=20))

    with store.reader() as catalog:
        assert [bound.card_id for bound in catalog.cards.bounds(None)] == [second]
        assert catalog.cards.get(first).retired_at is not None


def test_a_card_of_another_space_is_never_chosen(store: Store, space_id: int) -> None:
    other = _other_space(store)
    add_card(store, a_card(other, value=0.2))

    with store.reader() as catalog:
        cards = catalog.cards.bounds(space_id)
        with pytest.raises(NotFoundError, match="setting holds"):
            find_card(catalog, Signal.FUSED, None, None)

    assert cards == []
    chosen = choose_thresholds(Settings(), cards, space_id=space_id).for_bank(None)
    assert chosen.lookalike.source == "model"


def test_the_card_of_a_removed_bank_is_in_force_no_more(store: Store, space_id: int) -> None:
    with store.writer() as writer:
        writer.banks.create("unsafe", BankKind.BLOCK)
    card_id = add_card(store, a_card(space_id, bank="unsafe"))

    with store.writer() as writer:
        writer.banks.remove("unsafe")
        writer.banks.create("unsafe", BankKind.BLOCK)

    with store.reader() as catalog:
        assert catalog.cards.bounds(space_id) == []
        assert catalog.cards.page() == []
        assert [card.id for card in catalog.cards.page(retired=True)] == [card_id]


def test_a_card_is_found_by_what_it_decides(store: Store, space_id: int) -> None:
    lookalike = add_card(store, a_card(space_id))
    near = add_card(store, a_card(space_id, tier=Tier.NEAR_DUPLICATE))

    with store.reader() as catalog:
        assert find_card(catalog, Signal.FUSED, None, None).id == lookalike
        assert find_card(catalog, Signal.FUSED, Tier.NEAR_DUPLICATE, None).id == near
        with pytest.raises(NotFoundError, match="No card for fused, lookalike, bank x"):
            find_card(catalog, Signal.FUSED, None, "x")


@pytest.mark.parametrize("card_id", [1, 0, -1, 2**70])
def test_a_card_that_does_not_exist_is_not_found(store: Store, card_id: int) -> None:
    with store.reader() as catalog, pytest.raises(NotFoundError, match="threshold list"):
        catalog.cards.get(card_id)


def test_a_card_for_a_bank_or_space_that_does_not_exist_is_refused(
    store: Store, space_id: int
) -> None:
    for card in (a_card(space_id, bank="nobody"), a_card(space_id + 1)):
        with pytest.raises(NotFoundError), store.writer() as writer:
            writer.cards.add(card)


@pytest.mark.parametrize("unit", RateUnit)
def test_the_trials_of_a_card_are_of_its_unit(unit: RateUnit) -> None:
    card = replace(a_card(None), unit=unit, background_images=50, comparisons=2450)

    assert card.trials == (50 if unit is RateUnit.UPLOAD else 2450)


# --- what calibration reads ----------------------------------------------------------------------


def test_innocent_is_what_no_block_bank_holds(store: Store) -> None:
    space = bind(store)
    one, two, three, four = add(store, space, 1, 2, 3, 4)
    with store.writer() as writer:
        block = writer.banks.create("unsafe", BankKind.BLOCK)
        allow = writer.banks.create("fine", BankKind.ALLOW)
        writer.entries.add(block.id, [two])
        writer.entries.add(allow.id, [three])
        writer.images.remove([four])

    with store.reader() as catalog:
        assert catalog.samples.innocent_ids().tolist() == [one, three]
        assert catalog.images.ids().tolist() == [one, two, three]


def test_the_vectors_of_pictures_are_those_of_their_whole_first_frames(store: Store) -> None:
    space = bind(store)
    ids = add(store, space, 1, 2, frames=2)

    with store.reader() as catalog:
        vectors = catalog.samples.picture_vectors([*reversed(ids), 999], space)
        nothing = catalog.samples.picture_vectors([], space)

    assert vectors.ids.tolist() == sorted(ids)
    for row, seed in enumerate((1, 2)):
        image = new_image(seed)
        assert (vectors.embeddings[row] == image.embedding).all()
        assert vectors.pdq[row].tobytes() == image.pdq.bits
        assert vectors.pdq_quality[row] == image.pdq.quality
    assert (len(nothing.ids), len(nothing.embeddings), nothing.pdq.shape) == (0, 0, (0, 32))


def test_a_picture_is_from_its_uploader_or_else_from_its_folder(store: Store) -> None:
    space = bind(store)
    by_jo = SourceDetails(uploader="jo")
    with store.writer() as writer:
        found = [arrival("a/1.jpg"), arrival("a/2.jpg", details=by_jo), arrival("b/c/3.jpg")]
        pictures = list(zip(map(new_image, (1, 2, 3)), found, strict=True))
        writer.images.add([*pictures, (new_image(1), arrival("z/1.jpg"))], space.id)
        ids = writer.images.ids_by_sha256([new_image(seed).sha256 for seed in (1, 2, 3)])

    with store.reader() as catalog:
        names = catalog.samples.source_names([*ids.values(), 999])
        pictures_of = stored_pictures(catalog, np.array([*ids.values()]), space, Settings())

    one, two, three = (ids[new_image(seed).sha256] for seed in (1, 2, 3))
    assert names == {one: "/pictures/a", two: "jo", three: "/pictures/b/c"}
    assert pictures_of.sources is not None
    assert len(set(pictures_of.sources.tolist())) == 3


def test_confirmed_pairs_are_those_of_which_the_index_holds_both(store: Store) -> None:
    space = bind(store)
    entry_image, copy, gallery = add(store, space, 1, 2, 3)
    with store.writer() as writer:
        bank = writer.banks.create("unsafe", BankKind.BLOCK)
        writer.entries.add(bank.id, [entry_image])
        entry = writer.entries.page("unsafe")[0].id

        def decide(seed: int, outcome: Outcome, **target: int) -> None:
            writer.decisions.add(
                NewDecision(query_sha256=new_image(seed).sha256, outcome=outcome, **target)
            )

        decide(2, Outcome.CONFIRMED, entry_id=entry)
        decide(3, Outcome.REJECTED, entry_id=entry)
        decide(3, Outcome.CONFIRMED, image_id=copy)
        decide(1, Outcome.CONFIRMED, entry_id=entry)  # the entry itself
        decide(77, Outcome.CONFIRMED, entry_id=entry)  # a query that was not indexed

    with store.reader() as catalog:
        assert catalog.samples.confirmed_pairs() == [(copy, entry_image), (gallery, copy)]


def _other_space(store: Store) -> int:
    """Make a second space known, as re-embedding does."""
    with store.writer() as writer:
        return writer.spaces.add(
            fingerprint="cd" * 32,
            model="another",
            architecture="vit_tiny",
            dimension=8,
            labels=LABELS,
        ).id
