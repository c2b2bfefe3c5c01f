"""Which bound holds: the request's, a bank's card's, a space's card's or the settings'."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.errors import CardMismatch, InputError
from indexer.settings import Settings
from indexer.thresholds import Threshold, Thresholds, choose_thresholds
from indexer.types import Bounds, CardBound, Evidence, Signal, Tier

pytestmark = pytest.mark.numeric

SETTINGS = Settings(
    pdq_max_distance=20,
    near_duplicate_similarity=0.9,
    lookalike_similarity=0.7,
    lookalike_fused_score=1.1,
)
SPACE = 5
KINDS = (
    (Signal.PDQ, Tier.NEAR_DUPLICATE, None),
    (Signal.EMBEDDING, Tier.NEAR_DUPLICATE, SPACE),
    (Signal.EMBEDDING, Tier.LOOKALIKE, SPACE),
    (Signal.FUSED, Tier.LOOKALIKE, SPACE),
)
VALUES = (12.0, 0.95, 0.8, 1.3)


def card(
    number: int, kind: tuple[Signal, Tier, int | None], value: float, bank: str | None = None
) -> CardBound:
    signal, tier, space_id = kind
    return CardBound(number, signal, tier, space_id, bank, value)


def bounds(thresholds: Thresholds) -> tuple[Threshold, ...]:
    return (
        thresholds.pdq,
        thresholds.near_duplicate,
        thresholds.lookalike,
        thresholds.fused,
    )


def test_without_cards_the_settings_hold_for_every_bank() -> None:
    book = choose_thresholds(SETTINGS)

    assert bounds(book.for_bank("unsafe")) == bounds(book.for_bank(None))
    assert bounds(book.for_bank(None)) == tuple(
        Threshold(value, "settings") for value in (20, 0.9, 0.7, 1.1)
    )


def test_a_card_holds_for_every_bank_and_is_cited() -> None:
    cards = [card(n, kind, v) for n, (kind, v) in enumerate(zip(KINDS, VALUES, strict=True), 1)]
    book = choose_thresholds(SETTINGS, cards, space_id=SPACE)

    for bank in (None, "unsafe"):
        assert bounds(book.for_bank(bank)) == tuple(
            Threshold(value, f"card {n}", n) for n, value in enumerate(VALUES, 1)
        )


def test_a_bank_s_own_card_goes_before_the_space_s() -> None:
    cards = [card(1, KINDS[2], 0.8), card(2, KINDS[2], 0.75, "unsafe")]
    book = choose_thresholds(SETTINGS, reversed(cards), space_id=SPACE)

    assert book.for_bank("unsafe").lookalike == Threshold(0.75, "card 2", 2)
    assert book.for_bank("other").lookalike == Threshold(0.8, "card 1", 1)
    assert book.for_bank(None).lookalike == Threshold(0.8, "card 1", 1)


def test_the_request_goes_before_every_card_of_the_lookalike_tier() -> None:
    cards = [card(n, kind, v, "b") for n, (kind, v) in enumerate(zip(KINDS, VALUES, strict=True))]
    book = choose_thresholds(SETTINGS, cards, space_id=SPACE, requested=0.5)

    chosen = book.for_bank("b")

    assert chosen.lookalike == Threshold(0.5, "request")
    assert (chosen.pdq.source, chosen.near_duplicate.source) == ("card 0", "card 1")


@pytest.mark.parametrize(("requested", "expected"), [(0.5, "card 1"), (0.9, "request")])
def test_a_request_never_lowers_the_fused_bound(requested: float, expected: str) -> None:
    book = choose_thresholds(
        SETTINGS, [card(1, KINDS[3], 0.7)], space_id=SPACE, requested=requested
    )

    assert book.for_bank(None).fused.source == expected


def test_what_neither_settings_nor_cards_say_the_model_says() -> None:
    suggested = Bounds(near_duplicate=0.8, lookalike=0.6, fused=0.3)
    cards = [card(1, KINDS[2], 0.7)]
    settings = Settings(lookalike_fused_score=0.5)

    chosen = choose_thresholds(settings, cards, space_id=SPACE, suggested=suggested).for_bank(None)

    assert chosen.near_duplicate == Threshold(0.8, "model")
    assert chosen.lookalike == Threshold(0.7, "card 1", 1)
    assert chosen.fused == Threshold(0.5, "settings")


def test_a_model_that_states_no_bounds_gets_those_of_pooled_features() -> None:
    chosen = choose_thresholds(Settings()).for_bank(None)

    bounds = (chosen.near_duplicate.value, chosen.lookalike.value, chosen.fused.value)
    assert bounds == (0.93, 0.88, 1.0)


@pytest.mark.parametrize(("requested", "expected"), [(None, 0.97), (0.99, 0.99)])
def test_a_near_duplicate_is_never_easier_than_a_lookalike(
    requested: float | None, expected: float
) -> None:
    book = choose_thresholds(
        SETTINGS, [card(1, KINDS[2], 0.97)], space_id=SPACE, requested=requested
    )

    assert book.for_bank(None).near_duplicate.value == expected


@pytest.mark.parametrize("space_id", [None, SPACE + 1])
def test_a_card_of_another_space_is_refused(space_id: int | None) -> None:
    with pytest.raises(CardMismatch, match=r"card 3 .* space 5") as caught:
        choose_thresholds(SETTINGS, [card(3, KINDS[2], 0.8)], space_id=space_id)

    assert caught.value.card_id == 3
    assert caught.value.exit_code == 3


def test_a_card_of_pdq_belongs_to_every_space() -> None:
    book = choose_thresholds(SETTINGS, [card(3, KINDS[0], 8)], space_id=77)

    assert book.for_bank(None).pdq.value == 8


@pytest.mark.parametrize("requested", [1.01, -1.01, float("nan")])
def test_a_request_that_is_no_cosine_is_refused(requested: float) -> None:
    with pytest.raises(InputError, match="cosine"):
        choose_thresholds(SETTINGS, requested=requested)


@given(
    st.lists(
        st.tuples(st.sampled_from(KINDS), st.sampled_from([None, "a", "b"]), st.floats(-1, 2)),
        max_size=8,
        unique_by=lambda item: item[:2],
    )
)
def test_every_bound_is_that_of_the_nearest_card(
    drawn: list[tuple[tuple[Signal, Tier, int | None], str | None, float]],
) -> None:
    cards = [card(n, kind, value, bank) for n, (kind, bank, value) in enumerate(drawn)]
    book = choose_thresholds(SETTINGS, cards, space_id=SPACE)
    held = {(item.signal, item.tier, item.bank): item for item in cards}

    for bank, (signal, tier, _) in product([None, "a", "b"], KINDS):
        nearest = held.get((signal, tier, bank)) or held.get((signal, tier, None))
        chosen = book.for_bank(bank)
        found = {
            (Signal.PDQ, Tier.NEAR_DUPLICATE): chosen.pdq,
            (Signal.EMBEDDING, Tier.NEAR_DUPLICATE): chosen.near_duplicate,
            (Signal.EMBEDDING, Tier.LOOKALIKE): chosen.lookalike,
            (Signal.FUSED, Tier.LOOKALIKE): chosen.fused,
        }[signal, tier]
        if tier is Tier.NEAR_DUPLICATE and signal is Signal.EMBEDDING:
            assert found.value >= chosen.lookalike.value
        elif nearest:
            assert found == Threshold(nearest.value, f"card {nearest.card_id}", nearest.card_id)
        else:
            assert (found.source, found.card_id) == ("settings", None)


def test_a_judgement_cites_the_card_of_the_bound_that_decided() -> None:
    book = choose_thresholds(
        SETTINGS, [card(9, KINDS[2], 0.8), card(8, KINDS[3], 1.2)], space_id=SPACE
    )
    thresholds = book.for_bank(None)

    by_cosine = thresholds.judge(
        Evidence(same_bytes=False, pdq_distance=90, similarity=0.85, fused=0.85)
    )
    by_both = thresholds.judge(
        Evidence(same_bytes=False, pdq_distance=40, similarity=0.6, fused=1.3)
    )
    missed = thresholds.judge(
        Evidence(same_bytes=False, pdq_distance=90, similarity=0.5, fused=0.5)
    )

    assert (by_cosine.tier, by_cosine.decided_by) == (Tier.LOOKALIKE, Signal.EMBEDDING)
    assert (by_cosine.threshold_source, by_cosine.threshold_card) == ("card 9", 9)
    assert (by_both.tier, by_both.decided_by) == (Tier.LOOKALIKE, Signal.FUSED)
    assert (by_both.threshold, by_both.threshold_card) == (1.2, 8)
    assert (missed.tier, missed.threshold_card) == (Tier.NONE, 9)
