"""Signatures: a first person's decision waits at its item until a second one says the same."""

from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime

from indexer.errors import InputError, ReviewSettled, ReviewTaken
from indexer.reviews.outcomes import Said, carry_out, follow
from indexer.reviews.rules import Signatory
from indexer.store import Writer
from indexer.types import Outcome, Person, QueueKind, ReviewAct, ReviewItem, ReviewState

AWAITED = "A second person must sign it before anything takes effect: it waits as review {}."
"""What the first of two persons is told."""


def check_signatory(writer: Writer, person: Person, item: ReviewItem, outcome: Outcome) -> None:
    """Make sure that a person may decide an item now.

    Raises
    ------
    ReviewSettled
        The item is not open any more.
    ReviewTaken
        Another person has it, or it needs another person's signature.
    InputError
        It was escalated before.
    """
    if item.state is not ReviewState.OPEN:
        raise ReviewSettled(
            f"Review {item.id} is {item.state}. `GET /v1/reviews` lists open ones.",
            brief=f"Review {item.id} is {item.state}.",
        )
    if item.leased_by not in (None, person.id) and is_leased(item):
        raise ReviewTaken(
            f"Another person has review {item.id} until {item.lease_expires_at}. Lease the next "
            "one: `POST /v1/reviews/leases`.",
            brief=f"Another person has review {item.id}.",
        )
    signed = signers(writer, item)
    if signed and not person.has_key:
        raise ReviewTaken(
            f"Review {item.id} needs the signature of one more person, and without a key nobody "
            "knows who you are. Sign with a key of your own: `lookalike key create`.",
            brief=f"Review {item.id} needs a person who signs in with a key of their own.",
        )
    if person.id in signed:
        raise ReviewTaken(f"You decided review {item.id} before: another person must sign it.")
    if item.queue is QueueKind.ESCALATION and outcome is Outcome.ESCALATED:
        raise InputError(f"Review {item.id} was escalated before. Confirm or reject it.")


def decide_open(writer: Writer, signatory: Signatory, item: ReviewItem, said: Said) -> ReviewItem:
    """Decide an item that was checked: at once, as the first of two persons, or as the second."""
    person, parent = signatory.person, _parent(writer, item)
    if item.queue is QueueKind.SECOND_SIGNATURE and parent is not None:
        return _sign(writer, person, item, said, parent)
    if said.outcome is not Outcome.ESCALATED and signatory.rules.needs_second(item, parent):
        return sign_first(writer, person, item, said)
    act = _act_of(writer, item, said.outcome)
    settled = carry_out(writer, item, said.outcome, said, person.name, act)
    decided = writer.reviews.settle(item.id, person, settled)
    if said.outcome is Outcome.ESCALATED:
        follow(writer, item, QueueKind.ESCALATION)
    return decided


def sign_first(
    writer: Writer, person: Person, item: ReviewItem, said: Said, act: ReviewAct | None = None
) -> ReviewItem:
    """Keep what the first person says, and what else they ask for, until the second signs."""
    act = act or _act_of(writer, item, said.outcome)
    settled = replace(said.settlement(), awaits_signature=True, act=act)
    decided = writer.reviews.settle(item.id, person, settled)
    follow(writer, item, QueueKind.SECOND_SIGNATURE, not_for=person)
    return decided


def signers(writer: Writer, item: ReviewItem) -> Collection[str]:
    """Return who signed a match before, where an item needs one more person's signature."""
    parent = _parent(writer, item)
    if item.queue is QueueKind.SECOND_SIGNATURE:
        return {parent.decided_by or ""} if parent else ()
    if parent is None or parent.queue is not QueueKind.SECOND_SIGNATURE:
        return ()
    first = _parent(writer, parent)
    return {parent.decided_by or "", first.decided_by or "" if first else ""}


def is_leased(item: ReviewItem, now: datetime | None = None) -> bool:
    """Return whether somebody has an item."""
    return item.lease_expires_at is not None and item.lease_expires_at > (now or datetime.now(UTC))


def _sign(
    writer: Writer, person: Person, item: ReviewItem, said: Said, first: ReviewItem
) -> ReviewItem:
    """Sign what another person decided: equal outcomes take effect, others are escalated."""
    agreed = said.outcome is first.outcome
    outcome = said.outcome if agreed else Outcome.ESCALATED
    act = _act_of(writer, item, outcome)
    settled = carry_out(writer, item, outcome, said, f"{first.decided_by} and {person.id}", act)
    signed = writer.reviews.settle(item.id, person, settled)
    writer.reviews.sign(first.id, settled.decision_id)
    if outcome is Outcome.ESCALATED:
        follow(writer, item, QueueKind.ESCALATION)
    return signed


def _act_of(writer: Writer, item: ReviewItem, outcome: Outcome) -> ReviewAct | None:
    """Return what the first person asked for beside the outcome; the bank only if it is theirs."""
    parent = _parent(writer, item)
    while parent is not None:
        if act := writer.reviews.effects(parent.id).act:
            bank = act.bank if parent.outcome is outcome else None
            return replace(act, bank=bank, is_own=False)
        parent = _parent(writer, parent)
    return None


def _parent(writer: Writer, item: ReviewItem) -> ReviewItem | None:
    return None if item.parent_id is None else writer.reviews.get(item.parent_id)
