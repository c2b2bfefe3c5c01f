"""Review items: leased to one person, decided once, signed by two, taken back, settled for good."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from indexer.decisions import decide
from indexer.errors import InputError, ReviewSettled, ReviewTaken, UndoRefused
from indexer.policy import parse_policy
from indexer.reviews.decisions import decide_item, decide_items, seen_by, undo_decision
from indexer.reviews.outcomes import Said
from indexer.reviews.rules import ReviewRules, Signatory
from indexer.reviews.upload_reviews import forget_uploads, review_upload
from indexer.settings import Settings
from indexer.store import BankDetails, NewRetroMatch, Store
from indexer.thresholds import choose_thresholds
from indexer.thresholds.threshold_interval import threshold_interval
from indexer.types import (
    BankKind,
    DisabledReason,
    FloodState,
    Histogram,
    LeaseRequest,
    NewCard,
    NewDecision,
    NewReviewItem,
    Outcome,
    Person,
    QueueKind,
    RateUnit,
    ReviewEvidence,
    ReviewFilter,
    ReviewItem,
    ReviewState,
    Severity,
    Signal,
    Tier,
)
from support import small
from support.catalog import add, bind, new_image
from support.signatories import ALONE, BO, JO, LEASE, MO, TWO
from support.verdicts import verdict

pytestmark = pytest.mark.postgres

CONFIRM, REJECT, ESCALATE = Said(Outcome.CONFIRMED), Said(Outcome.REJECTED), Said(Outcome.ESCALATED)
RETRO = LeaseRequest(QueueKind.RETRO_MATCH)
UPLOAD = b"u" * 32
POLICY = """
format = 1
name = "uploads"

[[rules]]
id = "all"
action = "review"
kind = "block"

[[decision_reasons]]
id = "copy"
words = "A copy"
"""


@pytest.fixture
def matches(store: Store) -> list[int]:
    """List retro-matches with an entry of a grave bank, three, and of a mild one.

    Returns their items in the order in which they are to be decided.
    """
    space = bind(store)
    with store.writer() as writer:
        grave = writer.banks.create("grave", BankKind.BLOCK, BankDetails(severity=Severity.HIGH))
        mild = writer.banks.create("mild", BankKind.BLOCK, BankDetails(severity=Severity.LOW))
    add(store, space, 1, bank_id=grave.id)
    add(store, space, 2, bank_id=mild.id)
    images = add(store, space, 11, 12, 13, 14)
    scan(store, [(2, images[3]), (1, images[0]), (1, images[1]), (1, images[2])])
    with store.reader() as catalog:
        made = catalog.reviews.page(ReviewFilter())
    return [item.id for item in made[1:]] + [made[0].id]


def scan(store: Store, pairs: Sequence[tuple[int, int]]) -> None:
    found = [
        NewRetroMatch(entry, image, Tier.LOOKALIKE, Signal.FUSED, 0.9, None, 4.6)
        for entry, image in pairs
    ]
    with store.writer() as writer:
        begun = writer.retro_scans.begin(None, 1, 1, writer.log.head())
        writer.retro_scans.advance(begun, writer.log.head(), len(found), found)


def item(store: Store, item_id: int) -> ReviewItem:
    with store.reader() as catalog:
        return catalog.reviews.get(item_id)


def lease(
    store: Store, person: Person, wanted: LeaseRequest = RETRO, time: timedelta = LEASE
) -> list[int]:
    with store.leasing() as leases:
        return [each.id for each in leases.take(person.id, wanted, time)]


def open_in(store: Store, queue: QueueKind) -> list[ReviewItem]:
    with store.reader() as catalog:
        return catalog.reviews.page(ReviewFilter(queue=queue, state=ReviewState.OPEN))


def outcomes(store: Store, sha256: str | None) -> list[Outcome]:
    with store.reader() as catalog:
        return [each.outcome for each in catalog.decisions.for_query(bytes.fromhex(sha256 or ""))]


# --- items ---------------------------------------------------------------------------------------


def test_a_retro_match_becomes_an_item_with_its_bank(store: Store, matches: list[int]) -> None:
    first = item(store, matches[0])

    assert (first.queue, first.state, first.bank) == ("retro_match", "open", "grave")
    assert (first.severity, first.entry_id, first.match_image_id) == (Severity.HIGH, 1, 1)
    assert first.query_sha256 == new_image(11).sha256.hex()


def test_a_settled_pair_is_not_asked_again(store: Store, matches: list[int]) -> None:
    first = item(store, matches[0])
    decide_item(store, JO, matches[0], REJECT, ALONE)
    digest = new_image(12).sha256
    decide(
        store,
        Signatory(JO, ALONE),
        NewDecision(digest, Outcome.CONFIRMED, entry_id=1),
        min_quality=50,
    )

    scan(store, [(1, first.image_id or 0), (1, 4), (1, 5)])

    assert item(store, matches[1]).state is ReviewState.DISMISSED  # it was decided elsewhere
    assert [each.id for each in open_in(store, QueueKind.RETRO_MATCH)] == [matches[3], matches[2]]


def test_what_is_removed_is_not_asked(store: Store, matches: list[int]) -> None:
    with store.writer() as writer:
        writer.entries.remove([1])
        assert all(writer.reviews.get(each).state == "dismissed" for each in matches[:3])
        writer.banks.remove("mild")
        assert writer.reviews.get(matches[3]).state is ReviewState.DISMISSED
        writer.images.purge([item.image_id or 0 for item in writer.reviews.get_many(matches)])
        assert writer.reviews.get(matches[0]).evidence == ReviewEvidence()


def test_queues_count_by_bank_and_severity(store: Store, matches: list[int]) -> None:
    lease(store, JO)
    with store.reader() as catalog:
        counted = catalog.reviews.queues(datetime.now(UTC))

    assert [(each.bank, each.severity, each.open, each.leased) for each in counted] == [
        ("grave", Severity.HIGH, 3, 1),
        ("mild", Severity.LOW, 1, 0),
    ]
    assert counted[0].oldest_at == item(store, matches[0]).created_at


# --- leases --------------------------------------------------------------------------------------


def test_the_gravest_come_first_and_none_goes_to_two_people(
    store: Store, matches: list[int]
) -> None:
    assert lease(store, JO) == [matches[0]]
    assert lease(store, MO, LeaseRequest(QueueKind.RETRO_MATCH, 9)) == matches[1:]
    assert lease(store, BO) == []
    assert lease(store, JO, LeaseRequest(QueueKind.RETRO_MATCH, 9, resume=True)) == [matches[0]]


def test_many_people_at_once_get_different_items(store: Store, matches: list[int]) -> None:
    people = [Person(f"key {n}", str(n)) for n in range(8)]
    with ThreadPoolExecutor(8) as pool:
        leased = list(pool.map(lambda person: lease(store, person), people))

    taken = [each for ids in leased for each in ids]
    assert sorted(taken) == sorted(matches)


def test_a_lease_can_be_renewed_released_and_lost(store: Store, matches: list[int]) -> None:
    lease(store, JO, LeaseRequest(QueueKind.RETRO_MATCH, 2), timedelta(0))
    assert lease(store, MO) == [matches[0]]
    with store.leasing() as leases:
        renewed = leases.renew(JO.id, matches[:2], LEASE)
        assert [each.id for each in renewed] == [matches[1]]
        assert leases.release(JO.id, matches) == 1
    assert lease(store, BO) == [matches[1]]


def test_a_bank_and_a_family_can_be_asked_for(store: Store, matches: list[int]) -> None:
    assert lease(store, JO, LeaseRequest(QueueKind.RETRO_MATCH, bank="mild")) == [matches[3]]
    family = LeaseRequest(QueueKind.RETRO_MATCH, limit=24, family=True)
    assert lease(store, JO, family) == matches[:3]


def test_a_named_item_comes_first_with_its_family_also_if_the_person_has_it(
    store: Store, matches: list[int]
) -> None:
    first, second = lease(store, JO, LeaseRequest(QueueKind.RETRO_MATCH, 2))
    named = LeaseRequest(QueueKind.RETRO_MATCH, limit=24, family=True, item_id=second)
    assert lease(store, JO, named) == [second, first, matches[2]]
    assert lease(store, MO, named) == []
    of_severity = LeaseRequest(QueueKind.RETRO_MATCH, 24, severity=Severity.HIGH, resume=True)
    assert lease(store, JO, of_severity) == matches[:3]


def test_a_skipped_item_comes_last(store: Store, matches: list[int]) -> None:
    lease(store, JO)
    with store.leasing() as leases:
        leases.skip(JO.id, matches[0])

    assert lease(store, MO, LeaseRequest(QueueKind.RETRO_MATCH, 3)) == [*matches[1:3], matches[0]]


# --- decisions -----------------------------------------------------------------------------------


def test_a_decision_is_that_of_the_match_too(store: Store, matches: list[int]) -> None:
    lease(store, JO)
    decided = decide_item(store, JO, matches[0], Said(Outcome.REJECTED, "x", "a statue"), ALONE)

    assert (decided.state, decided.outcome, decided.leased_by) == ("decided", "rejected", None)
    with store.reader() as catalog:
        [decision] = catalog.decisions.for_query(new_image(11).sha256)
    assert (decision.id, decision.analyst) == (decided.decision_id, "jo")
    assert decision.note == "x: a statue"
    with pytest.raises(ReviewSettled, match="is decided"):
        decide_item(store, MO, matches[0], CONFIRM, ALONE)


def test_nobody_decides_what_another_person_has(store: Store, matches: list[int]) -> None:
    lease(store, JO)
    with pytest.raises(ReviewTaken, match="Another person has review"):
        decide_item(store, MO, matches[0], CONFIRM, ALONE)
    assert item(store, matches[0]).state is ReviewState.OPEN


def test_a_family_is_decided_at_once_and_previewed(store: Store, matches: list[int]) -> None:
    lease(store, MO)
    preview = decide_items(store, JO, [*matches, 99], CONFIRM, ALONE, preview=True)
    assert [each.state for each in preview.decided] == ["open"] * 3

    bulk = decide_items(store, JO, [*matches, 99], CONFIRM, ALONE)

    assert [each.id for each in bulk.decided] == matches[1:]
    assert [(each.id, each.code) for each in bulk.left_out] == [
        (matches[0], "review_taken"),
        (99, "not_found"),
    ]
    assert outcomes(store, item(store, matches[1]).query_sha256) == [Outcome.CONFIRMED]


def test_an_undone_decision_has_no_effect_left(store: Store, matches: list[int]) -> None:
    sha256 = item(store, matches[0]).query_sha256
    decide_item(store, JO, matches[0], ESCALATE, ALONE)
    [escalated] = open_in(store, QueueKind.ESCALATION)
    decide_item(store, MO, escalated.id, CONFIRM, ALONE)
    with pytest.raises(UndoRefused, match="works on"):
        undo_decision(store, JO, matches[0], ALONE)

    reopened = undo_decision(store, MO, escalated.id, ALONE)

    assert (reopened.state, reopened.leased_by, reopened.outcome) == ("open", MO.id, None)
    assert outcomes(store, sha256) == [Outcome.ESCALATED]
    with store.leasing() as leases:
        leases.release(MO.id, [escalated.id])
    undo_decision(store, JO, matches[0], ALONE)
    assert outcomes(store, sha256) == []
    assert item(store, escalated.id).state is ReviewState.DISMISSED


def test_only_an_own_fresh_decision_is_undone(store: Store, matches: list[int]) -> None:
    decide_item(store, JO, matches[0], CONFIRM, ALONE)
    with pytest.raises(UndoRefused, match="not a decision of yours"):
        undo_decision(store, MO, matches[0], ALONE)
    with pytest.raises(UndoRefused, match="LOOKALIKE_REVIEW_UNDO_SECONDS"):
        undo_decision(store, JO, matches[0], ReviewRules(LEASE, timedelta(0), None))


def test_a_reason_is_one_of_the_policy_s(store: Store, matches: list[int]) -> None:
    with store.writer() as writer:
        writer.policies.put_in_force(parse_policy(POLICY).name, POLICY)

    for reason, told in ((None, "needs a reason"), ("spam", "'spam' is no reason")):
        with pytest.raises(InputError, match=f"{told}.*copy"):
            decide_item(store, JO, matches[0], Said(Outcome.CONFIRMED, reason), ALONE)
    assert decide_item(store, JO, matches[0], Said(Outcome.CONFIRMED, "copy"), ALONE).reason


# --- two persons ---------------------------------------------------------------------------------


def test_the_second_person_signs_without_the_first_one_s_word(
    store: Store, matches: list[int]
) -> None:
    first = decide_item(store, JO, matches[0], CONFIRM, TWO)
    [second] = open_in(store, QueueKind.SECOND_SIGNATURE)
    signature = LeaseRequest(QueueKind.SECOND_SIGNATURE)

    assert (first.awaits_signature, outcomes(store, first.query_sha256)) == (True, [])
    assert seen_by(JO, first).outcome is Outcome.CONFIRMED
    hidden = seen_by(MO, item(store, first.id))
    assert (hidden.outcome, hidden.reason, hidden.note, hidden.decided_by) == (None,) * 4
    assert lease(store, JO, signature) == []
    with pytest.raises(ReviewTaken, match="another person must sign"):
        decide_item(store, JO, second.id, CONFIRM, TWO)

    assert lease(store, MO, signature) == [second.id]
    signed = decide_item(store, MO, second.id, CONFIRM, TWO)

    assert outcomes(store, first.query_sha256) == [Outcome.CONFIRMED]
    assert item(store, first.id).decision_id == signed.decision_id
    assert not item(store, first.id).awaits_signature


def test_two_different_signatures_are_escalated_and_a_third_person_decides(
    store: Store, matches: list[int]
) -> None:
    decide_item(store, JO, matches[0], CONFIRM, TWO)
    [second] = open_in(store, QueueKind.SECOND_SIGNATURE)
    decide_item(store, MO, second.id, REJECT, TWO)
    [third] = open_in(store, QueueKind.ESCALATION)
    assert outcomes(store, third.query_sha256) == [Outcome.ESCALATED]

    decide_item(store, BO, third.id, REJECT, TWO)

    assert outcomes(store, third.query_sha256) == [Outcome.REJECTED]
    assert open_in(store, QueueKind.SECOND_SIGNATURE) == []


def test_a_bank_below_the_severity_needs_one_person_unless_the_policy_says_so(
    store: Store, matches: list[int]
) -> None:
    assert not decide_item(store, JO, matches[3], CONFIRM, TWO).awaits_signature
    evidence = ReviewEvidence(two_person=True)
    with store.writer() as writer:
        [upload] = writer.reviews.add(
            [NewReviewItem(QueueKind.UNCERTAIN, evidence, query_sha256=UPLOAD, entry_id=2)]
        )
    assert decide_item(store, JO, upload, CONFIRM, ALONE).awaits_signature


def test_a_first_signature_is_undone_until_the_second_person_is_at_it(
    store: Store, matches: list[int]
) -> None:
    decide_item(store, JO, matches[0], CONFIRM, TWO)
    undo_decision(store, JO, matches[0], TWO)
    assert open_in(store, QueueKind.SECOND_SIGNATURE) == []

    decide_item(store, JO, matches[0], CONFIRM, TWO)
    lease(store, MO, LeaseRequest(QueueKind.SECOND_SIGNATURE))
    with pytest.raises(UndoRefused, match="Another person works on"):
        undo_decision(store, JO, matches[0], TWO)


# --- floods and uploads --------------------------------------------------------------------------


def test_a_flood_is_reviewed_and_its_flag_resolved(store: Store, matches: list[int]) -> None:
    assert matches
    with store.writer() as writer:
        writer.floods.flag(1, datetime.now(UTC), 412, 6.25)
    [flood] = open_in(store, QueueKind.FLOOD)
    assert (flood.bank, flood.evidence.count) == ("grave", 412)

    decide_item(store, JO, flood.id, CONFIRM, ALONE)
    with store.reader() as catalog:
        assert catalog.floods.get(1).state is FloodState.QUARANTINED
        assert catalog.entries.get(1).disabled_reason is DisabledReason.FLOOD
    undo_decision(store, JO, flood.id, ALONE)
    with store.writer() as writer:
        assert writer.floods.get(1).state is FloodState.OPEN
        assert writer.entries.get(1).disabled_reason is None
        writer.floods.resolve(1, FloodState.DISMISSED)
        assert writer.reviews.get(flood.id).state is ReviewState.DISMISSED


def test_the_picture_of_an_upload_is_forgotten_once_nobody_needs_it(
    store: Store, matches: list[int]
) -> None:
    assert matches
    upload = NewReviewItem(
        QueueKind.UNCERTAIN, ReviewEvidence(), query_sha256=UPLOAD, entry_id=1, picture=b"jpeg"
    )
    with store.writer() as writer:
        [first] = writer.reviews.add([upload])
        assert writer.reviews.add([upload]) == []  # its pair is under review
        assert writer.reviews.find(UPLOAD) == first
    decide_item(store, JO, first, CONFIRM, TWO)
    [second] = open_in(store, QueueKind.SECOND_SIGNATURE)
    assert second.has_picture
    assert forget_uploads(store, timedelta(0)) == 0

    decide_item(store, MO, second.id, CONFIRM, TWO)

    assert forget_uploads(store, timedelta(minutes=1)) == 0
    assert forget_uploads(store, timedelta(0)) == 1
    with store.reader() as catalog:
        assert catalog.reviews.picture(second.id) is None
        assert not catalog.reviews.get(first).has_picture


def test_an_upload_on_which_classifiers_disagree_has_a_queue_of_its_own(store: Store) -> None:
    limits = Settings().image_limits
    disputed = replace(verdict(), is_disputed=True, sha256="ab" * 32)
    ids = [
        review_upload(store, lambda _: choose_thresholds(Settings()), each, small.jpeg(), limits)
        for each in (verdict(), disputed, disputed)
    ]

    first, second = (item(store, each or 0) for each in ids[:2])
    assert (first.queue, second.queue, ids[2]) == ("uncertain", "disagreement", second.id)
    decided = decide_item(store, JO, second.id, REJECT, ALONE)
    assert decided.decision_id is None  # nothing was compared with it
    again = review_upload(
        store, lambda _: choose_thresholds(Settings()), disputed, small.jpeg(), limits
    )
    assert again == second.id


# --- evidence ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("signal", "uploads", "value", "expected"),
    [
        (Signal.PDQ, (0, 0, 1, 1, 5, 50), 3.0, (0.0, 3.0)),
        (Signal.FUSED, (50, 5, 1, 1, 0, 0), 2.0, (2.0, 5.0)),
        (Signal.FUSED, (50, 5, 1, 1, 0, 0), 99.0, (99.0, 99.0)),
    ],
)
def test_a_threshold_s_interval_has_the_bounds_that_calibration_cannot_tell_apart(
    signal: Signal, uploads: tuple[int, ...], value: float, expected: tuple[float, float]
) -> None:
    """At 0.2 % of 1,000 uploads, 0 to 2 of them are plausible and 7 are not (Clopper-Pearson)."""
    card = NewCard(
        signal=signal,
        tier=Tier.NEAR_DUPLICATE,
        bank=None,
        space_id=None,
        value=value,
        unit=RateUnit.UPLOAD,
        target_rate=0.002,
        false_positives=2,
        comparisons=1000,
        rate_low=0.0,
        rate_high=1.0,
        source_count=None,
        prediction_low=None,
        prediction_high=None,
        background="gallery",
        background_images=1000,
        reference_count=1,
        histogram=Histogram(0.0, 1.0, (0,) * 6, uploads),
    )

    assert threshold_interval(card) == expected
