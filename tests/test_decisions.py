"""What analysts decided is remembered, the newest word holds, and what they confirmed can join."""

from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexer.decisions import decide
from indexer.errors import InputError, NotFoundError
from indexer.store import Store
from indexer.types import (
    BankKind,
    Decided,
    Decision,
    Entry,
    Fingerprint,
    FingerprintKind,
    NewDecision,
    Outcome,
    Pdq,
    Signal,
    Tier,
)
from support.catalog import add, bind, new_image
from support.signatories import ONE

pytestmark = pytest.mark.postgres

QUERY = b"q" * 32
PDQ = Pdq(b"p" * 32, 100)
FLAT = Pdq(b"p" * 32, 20)
MIN_QUALITY = 50


@pytest.fixture
def gallery(store: Store) -> list[int]:
    """Make a block bank and an allow bank, and a gallery of three images; the first is blocked."""
    space = bind(store)
    with store.writer() as writer:
        bank = writer.banks.create("unsafe", BankKind.BLOCK)
        writer.banks.create("benign", BankKind.ALLOW)
    return [*add(store, space, 1, bank_id=bank.id), *add(store, space, 2, 3)]


@pytest.fixture
def entry(store: Store, gallery: list[int]) -> int:  # noqa: ARG001 -- makes the bank
    return entries(store, "unsafe")[0].id


def entries(store: Store, bank: str) -> list[Entry]:
    with store.reader() as catalog:
        ids = [entry.id for entry in catalog.entries.page(bank)]
        return list(catalog.entries.in_force(ids, datetime.now(UTC)).values())


def say(
    store: Store,
    outcome: Outcome,
    *,
    pdq: Pdq | None = None,
    bank: str | None = None,
    query: bytes = QUERY,
    **about: int | str,
) -> Decided:
    new = NewDecision(query, outcome, **about)  # type: ignore[arg-type] -- of either kind
    return decide(store, ONE, new, pdq=pdq, min_quality=MIN_QUALITY, bank=bank)


def standing(store: Store, query: bytes = QUERY) -> list[Decision]:
    with store.reader() as catalog:
        return catalog.decisions.for_query(query)


# --- remembering ---------------------------------------------------------------------------------


def test_a_decision_is_remembered_as_it_was_made(store: Store, entry: int) -> None:
    new = NewDecision(
        QUERY,
        Outcome.REJECTED,
        entry_id=entry,
        tier=Tier.NEAR_DUPLICATE,
        decided_by=Signal.PDQ,
        analyst="jo",
        note="a statue",
    )
    decision = decide(store, ONE, new, pdq=PDQ, min_quality=MIN_QUALITY).decision

    assert standing(store) == [decision]
    assert (decision.query_sha256, decision.query_pdq) == (QUERY.hex(), PDQ.bits.hex())
    assert (decision.entry_id, decision.image_id) == (entry, None)
    assert (decision.outcome, decision.tier) == (Outcome.REJECTED, Tier.NEAR_DUPLICATE)
    assert (decision.decided_by, decision.analyst) == (Signal.PDQ, "jo")
    assert (decision.note, decision.superseded_at) == ("a statue", None)


def test_a_flat_picture_s_pdq_is_not_remembered(store: Store, entry: int) -> None:
    assert say(store, Outcome.REJECTED, pdq=FLAT, entry_id=entry).decision.query_pdq is None


def test_saying_the_same_again_changes_nothing(store: Store, entry: int) -> None:
    first = say(store, Outcome.CONFIRMED, pdq=PDQ, entry_id=entry, note="sure")

    assert say(store, Outcome.CONFIRMED, pdq=PDQ, entry_id=entry, note="sure") == first
    with store.reader() as catalog:
        assert catalog.decisions.page(superseded=True) == [first.decision]


def test_decisions_on_other_matches_and_other_queries_stand_beside_it(
    store: Store, gallery: list[int], entry: int
) -> None:
    say(store, Outcome.REJECTED, entry_id=entry)
    say(store, Outcome.ESCALATED, image_id=gallery[1])
    say(store, Outcome.CONFIRMED, image_id=gallery[2])
    say(store, Outcome.CONFIRMED, entry_id=entry, query=b"r" * 32)

    assert [each.outcome for each in standing(store)] == [
        Outcome.REJECTED,
        Outcome.ESCALATED,
        Outcome.CONFIRMED,
    ]
    assert [each.outcome for each in standing(store, b"r" * 32)] == [Outcome.CONFIRMED]


@settings(max_examples=20, deadline=None, suppress_health_check=[*HealthCheck])
@given(said=st.lists(st.sampled_from(Outcome), min_size=1, max_size=6))
def test_the_newest_decision_holds_and_the_others_are_kept(
    store: Store, entry: int, said: list[Outcome]
) -> None:
    for outcome in said:
        say(store, outcome, entry_id=entry)

    [holding] = standing(store)
    assert holding.outcome is said[-1]
    with store.reader() as catalog:
        every = catalog.decisions.page(superseded=True, limit=1000)
        assert catalog.decisions.page() == [holding]
    assert [each for each in every if each.superseded_at is None] == [holding]
    assert all(a.outcome is not b.outcome for a, b in pairwise(every))


def test_decisions_are_listed_in_pages_and_by_what_they_are(
    store: Store, gallery: list[int], entry: int
) -> None:
    first = say(store, Outcome.REJECTED, entry_id=entry).decision
    second = say(store, Outcome.CONFIRMED, image_id=gallery[1]).decision
    other = say(store, Outcome.REJECTED, entry_id=entry, query=b"r" * 32).decision

    with store.reader() as catalog:
        assert catalog.decisions.page(limit=1) == [first]
        assert catalog.decisions.page(after_id=first.id, limit=1) == [second]
        assert catalog.decisions.page(entry_id=entry) == [first, other]
        assert catalog.decisions.page(outcome=Outcome.CONFIRMED) == [second]
        assert catalog.decisions.page(query_sha256=b"r" * 32) == [other]
        assert catalog.decisions.page(after_id=2**70, entry_id=2**70) == []


@pytest.mark.usefixtures("gallery")
def test_a_decision_on_what_does_not_exist_is_refused(store: Store) -> None:
    with pytest.raises(NotFoundError, match="entry 99"):
        say(store, Outcome.REJECTED, entry_id=99)
    with pytest.raises(NotFoundError, match="No image 99"):
        say(store, Outcome.REJECTED, image_id=99)
    assert standing(store) == []


def test_a_decision_is_about_one_match(store: Store, gallery: list[int], entry: int) -> None:
    for about in ({}, {"entry_id": entry, "image_id": gallery[1]}):
        with pytest.raises(InputError, match="one match"):
            say(store, Outcome.REJECTED, **about)


# --- joining a bank ------------------------------------------------------------------------------


def test_a_confirmed_query_joins_as_the_image_that_the_index_holds(
    store: Store, gallery: list[int], entry: int
) -> None:
    query = new_image(2).sha256

    decided = say(store, Outcome.CONFIRMED, entry_id=entry, query=query, bank="unsafe")
    again = say(store, Outcome.CONFIRMED, entry_id=entry, query=query, bank="unsafe")

    assert (decided.bank, decided.new_entries, again.new_entries) == ("unsafe", 1, 0)
    assert [each.image_id for each in entries(store, "unsafe")] == gallery[:2]


def test_a_confirmed_query_that_the_index_does_not_hold_joins_by_its_fingerprints(
    store: Store, entry: int
) -> None:
    decided = say(store, Outcome.CONFIRMED, entry_id=entry, pdq=PDQ, bank="unsafe")
    again = say(store, Outcome.CONFIRMED, entry_id=entry, pdq=PDQ, bank="unsafe")

    assert (decided.new_entries, again.new_entries) == (2, 0)
    assert [each.fingerprint for each in entries(store, "unsafe")[1:]] == [
        Fingerprint(FingerprintKind.SHA256, QUERY),
        Fingerprint(FingerprintKind.PDQ, PDQ.bits),
    ]


def test_the_pdq_of_a_flat_picture_joins_no_bank(store: Store, entry: int) -> None:
    assert say(store, Outcome.CONFIRMED, entry_id=entry, pdq=FLAT, bank="unsafe").new_entries == 1


def test_a_rejected_query_joins_an_allow_bank(store: Store, entry: int) -> None:
    assert say(store, Outcome.REJECTED, entry_id=entry, bank="benign").new_entries == 1


@pytest.mark.parametrize(
    ("outcome", "bank"),
    [
        (Outcome.CONFIRMED, "benign"),
        (Outcome.REJECTED, "unsafe"),
        (Outcome.ESCALATED, "unsafe"),
    ],
)
def test_a_query_joins_no_bank_that_says_the_opposite(
    store: Store, entry: int, outcome: Outcome, bank: str
) -> None:
    before = entries(store, bank)

    with pytest.raises(InputError, match="bank"):
        say(store, outcome, entry_id=entry, bank=bank)

    assert standing(store) == []
    assert entries(store, bank) == before


def test_nothing_is_decided_where_the_bank_does_not_exist(store: Store, entry: int) -> None:
    with pytest.raises(NotFoundError, match="unsave"):
        say(store, Outcome.CONFIRMED, entry_id=entry, bank="unsave")
    assert standing(store) == []


def test_nothing_joins_where_the_decision_is_refused(store: Store, entry: int) -> None:
    before = entries(store, "unsafe")

    with pytest.raises(NotFoundError):
        say(store, Outcome.CONFIRMED, entry_id=entry + 99, pdq=PDQ, bank="unsafe")

    assert entries(store, "unsafe") == before


# --- purging -------------------------------------------------------------------------------------


def test_purging_an_image_erases_its_pdq_from_decisions_on_it(
    store: Store, gallery: list[int], entry: int
) -> None:
    say(store, Outcome.REJECTED, entry_id=entry, pdq=PDQ, query=new_image(2).sha256)
    say(store, Outcome.REJECTED, entry_id=entry, pdq=PDQ)
    with store.writer() as writer:
        writer.images.purge([gallery[1]])

    assert standing(store, new_image(2).sha256)[0].query_pdq is None
    assert standing(store)[0].query_pdq == PDQ.bits.hex()
