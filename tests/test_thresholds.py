"""Which bound holds: the request's, a bank's card's, a space's card's or the settings'."""

from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.errors import CardMismatch, InputError
from indexer.settings import Settings
from indexer.thresholds import Threshold, Thresholds, choose_thresholds
from indexer.types import COMMON_FUSION, CardBound, Contribution, Evidence, Signal, Tier
from support.fusion import SIMPLE

pytestmark = pytest.mark.numeric

SETTINGS = Settings(
    pdq_max_distance=20,
    near_duplicate_log_odds=15,
    lookalike_log_odds=7,
)
SPACE = 5
KINDS = (
    (Signal.PDQ, Tier.NEAR_DUPLICATE, None),
    (Signal.FUSED, Tier.NEAR_DUPLICATE, SPACE),
    (Signal.FUSED, Tier.LOOKALIKE, SPACE),
)
VALUES = (12.0, 9.5, 8.0)


def card(
    number: int, kind: tuple[Signal, Tier, int | None], value: float, bank: str | None = None
) -> CardBound:
    signal, tier, space_id = kind
    return CardBound(number, signal, tier, space_id, bank, value)


def bounds(thresholds: Thresholds) -> tuple[Threshold, ...]:
    return thresholds.pdq, thresholds.near_duplicate, thresholds.lookalike


def test_without_cards_the_settings_hold_for_every_bank() -> None:
    book = choose_thresholds(SETTINGS)

    assert bounds(book.for_bank("unsafe")) == bounds(book.for_bank(None))
    assert bounds(book.for_bank(None)) == tuple(
        Threshold(value, "settings") for value in (20, 15, 7)
    )


def test_a_card_holds_for_every_bank_and_is_cited() -> None:
    cards = [card(n, kind, v) for n, (kind, v) in enumerate(zip(KINDS, VALUES, strict=True), 1)]
    book = choose_thresholds(SETTINGS, cards, space_id=SPACE)

    for bank in (None, "unsafe"):
        assert bounds(book.for_bank(bank)) == tuple(
            Threshold(value, f"card {n}", n) for n, value in enumerate(VALUES, 1)
        )


def test_a_bank_s_own_card_goes_before_the_space_s() -> None:
    cards = [card(1, KINDS[2], 8), card(2, KINDS[2], 7.5, "unsafe")]
    book = choose_thresholds(SETTINGS, reversed(cards), space_id=SPACE)

    assert book.for_bank("unsafe").lookalike == Threshold(7.5, "card 2", 2)
    assert book.for_bank("other").lookalike == Threshold(8, "card 1", 1)
    assert book.for_bank(None).lookalike == Threshold(8, "card 1", 1)


def test_the_request_goes_before_every_card_of_the_lookalike_tier() -> None:
    cards = [card(n, kind, v, "b") for n, (kind, v) in enumerate(zip(KINDS, VALUES, strict=True))]
    book = choose_thresholds(SETTINGS, cards, space_id=SPACE, requested=-5)

    chosen = book.for_bank("b")

    assert chosen.lookalike == Threshold(-5, "request")
    assert (chosen.pdq.source, chosen.near_duplicate.source) == ("card 0", "card 1")


def test_what_neither_settings_nor_cards_say_the_model_says() -> None:
    fusion = replace(SIMPLE, near_duplicate=11, lookalike=6)

    chosen = choose_thresholds(Settings(), fusion=fusion).for_bank(None)
    assert chosen.near_duplicate == Threshold(11, "model")
    assert chosen.lookalike == Threshold(6, "model")

    settings = Settings(lookalike_log_odds=5)
    cards = [card(1, KINDS[1], 10)]
    chosen = choose_thresholds(settings, cards, space_id=SPACE, fusion=fusion).for_bank(None)
    assert chosen.near_duplicate == Threshold(10, "card 1", 1)
    assert chosen.lookalike == Threshold(5, "settings")


def test_a_model_without_weights_gets_those_of_pooled_features() -> None:
    book = choose_thresholds(Settings())

    chosen = book.for_bank(None)
    assert book.fusion == COMMON_FUSION
    assert chosen.near_duplicate == Threshold(COMMON_FUSION.near_duplicate, "model")
    assert chosen.lookalike == Threshold(COMMON_FUSION.lookalike, "model")


@pytest.mark.parametrize(("requested", "expected"), [(None, 17), (19, 19)])
def test_a_near_duplicate_is_never_easier_than_a_lookalike(
    requested: float | None, expected: float
) -> None:
    book = choose_thresholds(SETTINGS, [card(1, KINDS[2], 17)], space_id=SPACE, requested=requested)

    assert book.for_bank(None).near_duplicate.value == expected


@pytest.mark.parametrize("space_id", [None, SPACE + 1])
def test_a_card_of_another_space_is_refused(space_id: int | None) -> None:
    with pytest.raises(CardMismatch, match=r"card 3 .* space 5") as caught:
        choose_thresholds(SETTINGS, [card(3, KINDS[2], 8)], space_id=space_id)

    assert caught.value.card_id == 3
    assert caught.value.exit_code == 3


def test_a_card_of_pdq_belongs_to_every_space() -> None:
    book = choose_thresholds(SETTINGS, [card(3, KINDS[0], 8)], space_id=77)

    assert book.for_bank(None).pdq.value == 8


@pytest.mark.parametrize("requested", [float("inf"), -float("inf"), float("nan")])
def test_a_request_that_is_not_finite_is_refused(requested: float) -> None:
    with pytest.raises(InputError, match="log-odds must be a finite number"):
        choose_thresholds(SETTINGS, requested=requested)


@given(
    st.lists(
        st.tuples(st.sampled_from(KINDS), st.sampled_from([None, "a", "b"]), st.floats(-40, 60)),
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
            (Signal.FUSED, Tier.NEAR_DUPLICATE): chosen.near_duplicate,
            (Signal.FUSED, Tier.LOOKALIKE): chosen.lookalike,
        }[signal, tier]
        if tier is Tier.NEAR_DUPLICATE and signal is Signal.FUSED:
            assert found.value >= chosen.lookalike.value
        elif nearest:
            assert found == Threshold(nearest.value, f"card {nearest.card_id}", nearest.card_id)
        else:
            assert (found.source, found.card_id) == ("settings", None)


def evidence(log_odds: float, bits: int | None = 90) -> Evidence:
    weighed = (Contribution("prior", None, log_odds),)
    return Evidence(same_bytes=False, pdq_distance=bits, similarity=0.5, contributions=weighed)


def test_a_judgement_cites_the_card_of_the_bound_that_decided() -> None:
    cards = [card(9, KINDS[2], 8), card(8, KINDS[1], 12)]
    thresholds = choose_thresholds(SETTINGS, cards, space_id=SPACE).for_bank(None)

    near, looks, missed = (thresholds.judge(evidence(nats)) for nats in (12, 11.9, 7.9))

    assert {each.decided_by for each in (near, looks, missed)} == {Signal.FUSED}
    assert (near.tier, near.threshold_source, near.threshold_card) == (
        Tier.NEAR_DUPLICATE,
        "card 8",
        8,
    )
    assert (looks.tier, looks.threshold, looks.threshold_card) == (Tier.LOOKALIKE, 8, 9)
    assert (missed.tier, missed.threshold, missed.threshold_card) == (Tier.NONE, 8, 9)


def test_the_bound_in_bits_goes_before_the_log_odds() -> None:
    thresholds = choose_thresholds(SETTINGS).for_bank(None)

    for bits, nats, tier, signal in (
        (20, -30, Tier.NEAR_DUPLICATE, Signal.PDQ),
        (20, 50, Tier.NEAR_DUPLICATE, Signal.PDQ),
        (21, 50, Tier.NEAR_DUPLICATE, Signal.FUSED),
        (None, 7, Tier.LOOKALIKE, Signal.FUSED),
    ):
        judgement = thresholds.judge(evidence(nats, bits))
        assert (judgement.tier, judgement.decided_by) == (tier, signal)


def test_a_bare_fingerprint_is_held_to_bits_alone() -> None:
    thresholds = choose_thresholds(SETTINGS).for_bank(None)

    judgement = thresholds.judge(replace(evidence(50, 21), similarity=None))

    assert (judgement.tier, judgement.decided_by, judgement.threshold) == (
        Tier.NONE,
        Signal.PDQ,
        20,
    )


@given(st.floats(-40, 60), st.floats(-40, 60))
def test_more_log_odds_never_lower_the_tier(one: float, other: float) -> None:
    thresholds = choose_thresholds(SETTINGS).for_bank(None)
    low, high = (thresholds.judge(evidence(nats)).tier for nats in sorted((one, other)))

    assert [*Tier].index(high) <= [*Tier].index(low)
