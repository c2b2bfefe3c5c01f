"""Two persons' signatures on decisions from outside the queues, and what undoing them reopens."""

import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from indexer.clustering import actions
from indexer.decisions import decide
from indexer.errors import ReviewTaken, SecondPersonNeeded
from indexer.reviews.decisions import decide_item, seen_by, undo_decision
from indexer.reviews.flood_resolution import resolve_flood
from indexer.reviews.outcomes import Said
from indexer.reviews.rules import Signatory
from indexer.store import AuditQuery, BankDetails, NewRetroMatch, Store
from indexer.types import (
    BankKind,
    ClusterAction,
    Decided,
    FloodState,
    LeaseRequest,
    NewDecision,
    NewReviewItem,
    Outcome,
    Pdq,
    Person,
    QueueKind,
    ReviewEvidence,
    ReviewFilter,
    ReviewItem,
    ReviewState,
    Severity,
    Signal,
    Space,
    Tier,
)
from support.catalog import add, bare_pdq, bind, new_image
from support.families import add_family, clustered
from support.signatories import ALONE, BO, JO, LEASE, MO, TWO

pytestmark = pytest.mark.postgres

QUERY = b"q" * 32
PDQ = Pdq(b"p" * 32, 100)
CONFIRMED, REJECTED, ESCALATED = Outcome
ANYBODY, COMMAND = Person("anybody", "anybody"), Person("command line", "jo")


@pytest.fixture
def space(store: Store) -> Space:
    """Make a grave bank of one entry, number 1, and a mild one of another."""
    space = bind(store)
    with store.writer() as writer:
        grave = writer.banks.create("grave", BankKind.BLOCK, BankDetails(severity=Severity.HIGH))
        mild = writer.banks.create("mild", BankKind.BLOCK, BankDetails(severity=Severity.LOW))
        writer.banks.create("benign", BankKind.ALLOW)
        for bank, seed in ((grave, 1), (mild, 2)):
            writer.entries.add_fingerprint(bank.id, bare_pdq(seed))
    return space


def say(
    store: Store,
    person: Person,
    outcome: Outcome,
    entry: int = 1,
    *,
    bank: str | None = None,
    query: bytes = QUERY,
) -> Decided:
    new = NewDecision(query, outcome, entry_id=entry, tier=Tier.LOOKALIKE)
    return decide(store, Signatory(person, TWO), new, pdq=PDQ, min_quality=50, bank=bank)


def items(store: Store, *states: ReviewState) -> list[ReviewItem]:
    with store.reader() as catalog:
        return [each for each in catalog.reviews.page(ReviewFilter()) if each.state in states]


def open_item(store: Store, queue: QueueKind, bank: str | None = None) -> ReviewItem:
    asked = [each for each in items(store, ReviewState.OPEN) if each.queue is queue]
    [item] = [each for each in asked if bank in (None, each.bank)]
    return item


def standing(store: Store, query: bytes = QUERY) -> list[Outcome]:
    with store.reader() as catalog:
        return [each.outcome for each in catalog.decisions.for_query(query)]


def size_of(store: Store, bank: str) -> int:
    with store.reader() as catalog:
        return catalog.banks.get(bank).entry_count


# --- matches -------------------------------------------------------------------------------------


def test_a_decision_on_a_grave_match_waits_for_a_second_person_who_does_not_see_it(
    store: Store, space: Space
) -> None:
    assert space
    first = say(store, JO, CONFIRMED, bank="grave")

    assert (first.decision, first.bank, first.awaits_signature) == (None, None, True)
    assert first.message == (
        "A second person must sign it before anything takes effect: it waits as review "
        f"{first.review_id}."
    )
    assert (standing(store), size_of(store, "grave")) == ([], 1)
    second = open_item(store, QueueKind.SECOND_SIGNATURE)
    assert (second.bank, second.evidence.tier) == ("grave", Tier.LOOKALIKE)
    with store.reader() as catalog:
        seen = seen_by(MO, catalog.reviews.get(first.review_id or 0))
    assert (seen.outcome, seen.note, seen.decided_by) == (None, None, None)
    assert say(store, JO, CONFIRMED, bank="grave") == first  # once more

    signed = decide_item(store, MO, second.id, Said(CONFIRMED), TWO)

    assert (standing(store), size_of(store, "grave")) == ([CONFIRMED], 3)  # SHA-256 and PDQ
    with store.reader() as catalog:
        [decision] = catalog.decisions.for_query(QUERY)
    assert (decision.id, decision.query_pdq) == (signed.decision_id, PDQ.bits.hex())
    assert decision.analyst == "key 1 and key 2"
    again = say(store, JO, CONFIRMED)
    assert (again.decision, items(store, ReviewState.OPEN)) == (decision, [])

    undo_decision(store, MO, second.id, TWO)

    assert (standing(store), size_of(store, "grave")) == ([], 1)
    assert open_item(store, QueueKind.SECOND_SIGNATURE).id == second.id


def test_the_same_request_of_another_person_is_the_second_signature(
    store: Store, space: Space
) -> None:
    assert space
    say(store, JO, REJECTED)
    with pytest.raises(ReviewTaken, match="another person must sign"):
        say(store, JO, CONFIRMED)

    signed = say(store, MO, REJECTED)

    assert signed.decision
    assert (signed.awaits_signature, signed.message) == (False, None)
    assert standing(store) == [REJECTED]


@pytest.mark.parametrize("nobody", [ANYBODY, COMMAND])
def test_whoever_has_no_key_can_sign_first_and_never_second(
    store: Store, space: Space, nobody: Person
) -> None:
    assert space
    first = say(store, nobody, CONFIRMED)
    assert first.awaits_signature
    for _ in range(2):  # who knows whether these are two people
        assert say(store, nobody, CONFIRMED) == first
    say(store, JO, REJECTED, query=b"x" * 32)
    with pytest.raises(ReviewTaken, match="without a key nobody knows who you are"):
        say(store, nobody, REJECTED, query=b"x" * 32)
    with store.leasing() as leases:
        wanted = LeaseRequest(QueueKind.SECOND_SIGNATURE, 9)
        assert leases.take(nobody.id, wanted, LEASE) == []
        assert len(leases.take(MO.id, wanted, LEASE)) == 2

    assert say(store, MO, CONFIRMED).decision


def test_where_two_disagree_a_third_person_decides(store: Store, space: Space) -> None:
    assert space
    say(store, JO, CONFIRMED, bank="grave")
    differed = say(store, MO, REJECTED)
    assert differed.message == (
        "Two persons disagree: a third one is asked, in the queue of escalations."
    )
    third = open_item(store, QueueKind.ESCALATION)
    for person in (JO, MO):
        with pytest.raises(ReviewTaken, match="You decided"):
            decide_item(store, person, third.id, Said(REJECTED), TWO)
        with store.leasing() as leases:
            assert leases.take(person.id, LeaseRequest(QueueKind.ESCALATION), LEASE) == []

    decide_item(store, BO, third.id, Said(REJECTED), TWO)

    assert (standing(store), size_of(store, "grave")) == ([REJECTED], 1)  # the bank was the first's


def test_a_first_signature_is_taken_back_by_the_one_who_gave_it(store: Store, space: Space) -> None:
    assert space
    first = say(store, JO, CONFIRMED)

    undone = undo_decision(store, JO, first.review_id or 0, TWO)

    assert (undone.state, undone.awaits_signature) == (ReviewState.DISMISSED, False)
    assert items(store, ReviewState.OPEN) == []
    assert say(store, MO, REJECTED).awaits_signature  # as if it had never been


def test_an_item_of_a_queue_is_signed_from_outside_and_is_open_again_after_its_undo(
    store: Store, space: Space
) -> None:
    [image] = add(store, space, 11)
    [item] = list_matches(store, space, 1, image)
    query = new_image(11).sha256
    first = say(store, JO, CONFIRMED, query=query)
    assert (first.review_id, open_item(store, QueueKind.SECOND_SIGNATURE).parent_id) == (item, item)
    assert undo_decision(store, JO, item, TWO).state is ReviewState.OPEN
    with store.leasing() as leases:
        leases.take(MO.id, LeaseRequest(QueueKind.RETRO_MATCH, resume=True), -LEASE)

    mild = say(store, JO, CONFIRMED, entry=2, query=query)
    asked = NewDecision(query, CONFIRMED, entry_id=2)
    grave = decide(store, Signatory(JO, TWO), asked, min_quality=50, bank="grave")

    assert mild.decision
    assert grave.awaits_signature  # for the sake of the bank that it joins


def list_matches(store: Store, space: Space, entry: int, *images: int) -> list[int]:
    """Let a retro-scan list images for an entry; return the review items that it makes."""
    found = [
        NewRetroMatch(entry, image, Tier.NEAR_DUPLICATE, Signal.PDQ, None, 8, 31.0)
        for image in images
    ]
    before = {item.id for item in items(store, *ReviewState)}
    with store.writer() as writer:
        scan = writer.retro_scans.begin(None, space.id, 1, writer.log.head())
        writer.retro_scans.advance(scan, scan.last_change, 1, found)
    return [item.id for item in items(store, *ReviewState) if item.id not in before]


# --- clusters ------------------------------------------------------------------------------------


@pytest.fixture
def family(store: Store, space: Space) -> list[int]:
    """Cluster a family of six, three of which are listed for the grave entry."""
    ids = add_family(store, space, 0, range(20, 26))
    clustered(store)
    list_matches(store, space, 1, *ids[:3])
    return ids


Act = Callable[[Store], ClusterAction]


def decides(person: Person, outcome: Outcome = CONFIRMED) -> Act:
    return lambda store: actions.decide(store, Signatory(person, TWO), 1, outcome, bank="mild")


def banks(person: Person) -> Act:
    return lambda store: actions.add_to_bank(store, Signatory(person, TWO), 1, "grave")


@pytest.mark.parametrize("act", [decides, banks])
def test_an_action_on_a_cluster_waits_and_tells_nobody_what_was_said(
    store: Store, family: list[int], act: Callable[[Person], Act]
) -> None:
    asked = actions.preview(store, act(JO)).detail
    assert (asked["awaits_signature"], asked["members"], asked["new_entries"]) == (True, 6, 6)

    first = act(JO)(store)

    assert first.detail["message"].startswith("A second person must sign it")
    assert (size_of(store, "mild"), size_of(store, "grave")) == (1, 1)
    with store.reader() as catalog:
        [listed] = catalog.cluster_actions.page()
    assert {"awaits_signature", "members", "review_id"} <= listed.detail.keys()
    assert not {"outcome", "bank", "analyst", "new_entries"} & listed.detail.keys()
    second = open_item(store, QueueKind.SECOND_SIGNATURE)
    assert (second.cluster_id, second.bank) == (1, "grave")
    assert "6 images of cluster 1" in (second.evidence.message or "")
    assert act(JO)(store).id == first.id
    assert not actions.preview(store, act(MO)).detail.get("review_id")  # it signs nothing
    assert size_of(store, "mild") + size_of(store, "grave") == 2

    signed = act(MO)(store)

    assert (signed.id, signed.detail["awaits_signature"]) == (first.id, False)
    assert size_of(store, "mild") + size_of(store, "grave") == 8
    undo_decision(store, MO, second.id, TWO)
    assert size_of(store, "mild") + size_of(store, "grave") == 2
    decide_item(store, MO, second.id, Said(CONFIRMED), TWO)
    assert size_of(store, "mild") + size_of(store, "grave") == 8
    actions.undo(store, first.id)
    assert size_of(store, "mild") + size_of(store, "grave") == 2
    assert family


def test_an_action_that_waits_is_undone_and_its_signature_is_not_asked_any_more(
    store: Store, family: list[int]
) -> None:
    by_action = banks(JO)(store)
    actions.undo(store, by_action.id)
    assert family
    assert not any(
        each.queue is QueueKind.SECOND_SIGNATURE for each in items(store, ReviewState.OPEN)
    )

    by_review = decides(JO)(store)
    undo_decision(store, JO, by_review.detail["review_id"], TWO)

    with store.reader() as catalog:
        assert all(each.undone_at for each in catalog.cluster_actions.page())
    assert banks(MO)(store).detail["awaits_signature"]
    with pytest.raises(ReviewTaken, match="awaits a second signature on another action"):
        decides(JO)(store)


def test_two_who_disagree_on_a_cluster_leave_it_to_a_third(store: Store, family: list[int]) -> None:
    decides(JO)(store)
    second = open_item(store, QueueKind.SECOND_SIGNATURE)
    decide_item(store, MO, second.id, Said(REJECTED), TWO)
    third = open_item(store, QueueKind.ESCALATION)

    decide_item(store, BO, third.id, Said(REJECTED), TWO)

    queries = [new_image(seed).sha256 for seed in range(20, 23)]
    assert [standing(store, query) for query in queries] == [[REJECTED]] * 3
    assert (size_of(store, "mild"), len(family)) == (1, 6)


# --- floods --------------------------------------------------------------------------------------


def test_a_flood_of_a_grave_bank_is_resolved_where_two_persons_sign(
    store: Store, space: Space
) -> None:
    assert space
    with store.writer() as writer:
        for entry in (1, 2):
            writer.floods.flag(entry, datetime.now(UTC), 412, 6.25)
    asked = open_item(store, QueueKind.FLOOD, "grave")
    with pytest.raises(SecondPersonNeeded, match=f"Decide review {asked.id}"):
        resolve_flood(store, TWO, 1, FloodState.DISMISSED)
    assert resolve_flood(store, TWO, 2, FloodState.DISMISSED).state is FloodState.DISMISSED

    decide_item(store, JO, asked.id, Said(CONFIRMED), TWO)
    second = open_item(store, QueueKind.SECOND_SIGNATURE)
    with pytest.raises(SecondPersonNeeded, match=f"Decide review {second.id}"):
        resolve_flood(store, TWO, 1, FloodState.QUARANTINED)
    decide_item(store, MO, second.id, Said(CONFIRMED), TWO)

    assert resolve_flood(store, TWO, 1, FloodState.QUARANTINED).state is FloodState.QUARANTINED
    assert resolve_flood(store, TWO, 1, FloodState.DISMISSED).state is FloodState.DISMISSED
    with pytest.raises(SecondPersonNeeded, match="lookalike bank disable grave 1"):
        resolve_flood(store, TWO, 1, FloodState.QUARANTINED)


# --- what is open again --------------------------------------------------------------------------


def test_undoing_a_decision_opens_the_items_again_that_it_had_settled(
    store: Store, space: Space
) -> None:
    images = add(store, space, 11, 12)
    listed = list_matches(store, space, 2, *images)
    with store.writer() as writer:
        upload = NewReviewItem(
            QueueKind.UNCERTAIN, ReviewEvidence(), QUERY, match_image_id=images[0]
        )
        [shown] = writer.reviews.add([upload])
    made = [
        say(store, JO, CONFIRMED, 2, query=new_image(11).sha256),
        decide(
            store,
            Signatory(JO, ALONE),
            NewDecision(QUERY, REJECTED, image_id=images[0]),
            min_quality=50,
        ),
    ]
    dismissed = [each.id for each in items(store, ReviewState.DISMISSED)]
    assert dismissed == [listed[0], shown]

    with store.writer() as writer:
        for each in made:
            writer.decisions.take_back(each.decision.id if each.decision else 0)
        assert writer.reviews.reopen_after([1, 2]) == []  # once is enough

    assert [each.id for each in items(store, ReviewState.OPEN)] == [*listed, shown]
    with store.reader() as catalog:
        rows = catalog.audit.page(AuditQuery(action="review.reopen"))
    assert [json.loads(row.detail)["ids"] for row in rows] == [[listed[0]], [shown]]


def test_what_is_settled_otherwise_or_gone_is_not_opened_again(store: Store, space: Space) -> None:
    images = add(store, space, 11, 12, 13)
    first, second, third = list_matches(store, space, 2, *images)
    queries = [new_image(seed).sha256 for seed in (11, 12, 13)]
    say(store, JO, CONFIRMED, 2, query=queries[0])
    made = [say(store, JO, REJECTED, 2, query=query).decision for query in queries]
    with store.writer() as writer:
        writer.images.remove([images[1]])
        for decision in made:
            writer.decisions.take_back(decision.id if decision else 0)

    # the first was confirmed before, and that holds again; the second is no longer in the index
    assert [each.id for each in items(store, ReviewState.OPEN)] == [third]
    assert {each.id for each in items(store, ReviewState.DISMISSED)} == {first, second}


def test_an_item_whose_decision_is_taken_back_elsewhere_is_open_again(
    store: Store, space: Space
) -> None:
    [image] = add(store, space, 11)
    [item] = list_matches(store, space, 2, image)
    decided = decide_item(store, JO, item, Said(REJECTED), ALONE)

    with store.writer() as writer:
        writer.decisions.take_back(decided.decision_id or 0)

    [again] = items(store, ReviewState.OPEN)
    assert (again.id, again.outcome, again.leased_by) == (item, None, None)
