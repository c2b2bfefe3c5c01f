"""Decisions on review items: by one person, by two, or handed on."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from indexer.errors import (
    InputError,
    LookalikeError,
    NotFoundError,
    ReviewSettled,
    ReviewTaken,
    UndoRefused,
)
from indexer.reviews.outcomes import Said, take_back
from indexer.reviews.rules import ReviewRules, Signatory, check_reason
from indexer.reviews.signatures import check_signatory, decide_open, is_leased
from indexer.store import Store, Writer
from indexer.types import LeftOut, Person, QueueKind, ReviewAct, ReviewItem, ReviewState


@dataclass(frozen=True, slots=True)
class Bulk:
    """What became of several items."""

    decided: list[ReviewItem]
    """Those that were, or would be, decided."""
    left_out: list[LeftOut]
    """The others, and why."""


def decide_item(
    store: Store, person: Person, item_id: int, said: Said, rules: ReviewRules
) -> ReviewItem:
    """Decide an item; what follows from it is written in the same transaction.

    A match gets a decision, a flood flag is resolved. Where a second person must sign, nothing
    takes effect until that person, who does not see the outcome, comes to the same; if not, and if
    it is escalated, an item in the queue of escalations asks somebody else.

    Raises
    ------
    ReviewSettled
        The item is not open any more.
    ReviewTaken
        Another person has it, or it needs another person's signature.
    InputError
        The reason is not one of the policy's; or it was escalated before.
    NotFoundError
        There is no such item, or what it matched is gone.
    """
    with store.writer() as writer:
        writer.reviews.lock([item_id])
        item = writer.reviews.get(item_id)
        check_signatory(writer, person, item, said.outcome)
        check_reason(writer, said.reason)
        return decide_open(writer, Signatory(person, rules), item, said)


def decide_items(
    store: Store,
    person: Person,
    item_ids: Sequence[int],
    said: Said,
    rules: ReviewRules,
    *,
    preview: bool = False,
) -> Bulk:
    """Decide several items in one transaction, as a family; those that cannot be are left out.

    Parameters
    ----------
    store : Store
    person : Person
    item_ids : sequence of int
    said : Said
    rules : ReviewRules
    preview : bool
        Whether nothing is changed, and only what would be decided is returned.

    Raises
    ------
    InputError
        The reason is not one of the policy's.
    """
    bulk = Bulk([], [])
    with store.writer() as writer:
        check_reason(writer, said.reason)
        writer.reviews.lock(item_ids)
        for item_id in dict.fromkeys(item_ids):
            try:
                item = writer.reviews.get(item_id)
                check_signatory(writer, person, item, said.outcome)
                if not preview:
                    item = decide_open(writer, Signatory(person, rules), item, said)
            except (ReviewSettled, ReviewTaken, NotFoundError, InputError) as error:
                bulk.left_out.append(_left_out(item_id, error))
            else:
                bulk.decided.append(item)
    return bulk


def undo_decision(store: Store, person: Person, item_id: int, rules: ReviewRules) -> ReviewItem:
    """Take one's own decision back: the item is open again, and leased to the person.

    Where the item was made by the decision itself, as the first of two signatures, it is dismissed.

    Raises
    ------
    NotFoundError
        There is no such item.
    UndoRefused
        It is not the person's decision, it is too old, or others have acted on it since.
    """
    now = datetime.now(UTC)
    with store.writer() as writer:
        item = writer.reviews.get(item_id)
        if item.state is not ReviewState.DECIDED or item.decided_by != person.id:
            raise UndoRefused(f"Review {item_id} is not a decision of yours.")
        if item.decided_at is None or rules.undone_until(item.decided_at) < now:
            raise UndoRefused(
                f"Review {item_id} was decided more than {rules.undo.total_seconds():g} s ago "
                "(LOOKALIKE_REVIEW_UNDO_SECONDS). Record another decision instead."
            )
        followers = [each.id for each in writer.reviews.followers(item_id)]
        writer.reviews.lock(followers)
        _require_unchanged(writer, person, item, now)
        writer.reviews.dismiss(followers)
        before = writer.reviews.effects(item_id)
        if before.act and before.act.is_own:
            return _withdraw(writer, item, before.act)
        if item.queue is QueueKind.SECOND_SIGNATURE and item.parent_id is not None:
            writer.reviews.sign(item.parent_id, None, awaits=True)
        reopened = writer.reviews.reopen(item_id, person, now + rules.lease)
        take_back(writer, item, before)
        return reopened


def _withdraw(writer: Writer, item: ReviewItem, act: ReviewAct) -> ReviewItem:
    """Take a first signature back that no queue had asked for: its item is dismissed."""
    if act.action_id is not None:
        writer.cluster_actions.give_up(act.action_id)
    writer.reviews.withdraw(item.id)
    return writer.reviews.get(item.id)


def seen_by(person: Person, item: ReviewItem) -> ReviewItem:
    """Return an item as a person may see it.

    Until a second person has signed, only the first one sees what was decided.
    """
    if not item.awaits_signature or item.decided_by == person.id:
        return item
    return replace(item, outcome=None, reason=None, note=None, decided_by=None)


def _require_unchanged(writer: Writer, person: Person, item: ReviewItem, now: datetime) -> None:
    """Make sure that nobody has acted on a decision since.

    Raises
    ------
    UndoRefused
        Somebody has.
    """
    for follower in writer.reviews.followers(item.id):
        is_taken = follower.leased_by not in (None, person.id) and is_leased(follower, now)
        if follower.state is ReviewState.DECIDED or is_taken:
            raise UndoRefused(f"Another person works on review {follower.id}, which follows it.")
    if item.decision_id and item.decision_id not in writer.decisions.standing([item.decision_id]):
        raise UndoRefused(f"A later decision took the place of that of review {item.id}.")


def _left_out(item_id: int, error: LookalikeError) -> LeftOut:
    return LeftOut(item_id, error.code, str(error), error.brief)
