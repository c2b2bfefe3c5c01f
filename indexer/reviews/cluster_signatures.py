"""Signatures of actions on whole clusters."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from indexer.errors import ReviewTaken
from indexer.reviews.outcomes import Said
from indexer.reviews.rules import Signatory, gravest
from indexer.reviews.signatures import AWAITED, check_signatory, decide_open, sign_first
from indexer.store import ClusterPart, Writer
from indexer.types import (
    ActionKind,
    Bank,
    ClusterAction,
    NewReviewItem,
    Outcome,
    QueueKind,
    ReviewAct,
    ReviewEvidence,
    ReviewFilter,
    ReviewItem,
    ReviewState,
)


@dataclass(frozen=True, slots=True)
class AskedAction:
    """An action on a cluster as it is asked for."""

    kind: ActionKind
    part: ClusterPart
    outcome: Outcome
    bank: Bank | None
    """What the members are to join."""
    note: str | None
    carry_out: Callable[[Writer], ClusterAction]
    """Does it."""


def sign_cluster(writer: Writer, signatory: Signatory, asked: AskedAction) -> ClusterAction:
    """Carry an action out, or take it as the first or the second of two signatures.

    Two must sign where the bank that is joined, or one that is matched, is grave enough.

    Raises
    ------
    ReviewTaken
        The cluster awaits the signature of another person on another action, or the first person
        says something else now.
    LookalikeError
        What the action itself raises.
    """
    if waiting := _waiting(writer, asked.part.cluster_id):
        return _signed(writer, signatory, asked, waiting)
    grave = _grave_bank(writer, signatory, asked)
    if grave is None or asked.outcome is Outcome.ESCALATED:
        return asked.carry_out(writer)
    counts = writer.rehearse(asked.carry_out).detail
    told = {"members": counts["members"]}  # nothing that says what the first person said
    if asked.kind is ActionKind.DECISION:
        told["matches"] = counts["decisions"] + counts["unchanged"]
    action = writer.cluster_actions.hold(asked.kind, asked.part, told)
    item = NewReviewItem(
        QueueKind.CLUSTER_ALERT,
        ReviewEvidence(message=_question(writer, asked, told), count=told["members"]),
        cluster_id=asked.part.cluster_id,
        bank=grave,
        is_signed=True,
    )
    [made] = writer.reviews.add([item])
    act = ReviewAct(
        bank=asked.bank.name if asked.bank else None,
        run_id=asked.part.run_id,
        min_probability=asked.part.min_probability,
        action_id=action.id,
        decides=asked.kind is ActionKind.DECISION,
        is_own=True,
    )
    said = Said(asked.outcome, None, asked.note)
    sign_first(writer, signatory.person, writer.reviews.get(made), said, act)
    action = writer.cluster_actions.name_review(action.id, made)
    return replace(action, detail={**counts, **action.detail, "message": AWAITED.format(made)})


def preview_cluster(writer: Writer, signatory: Signatory, asked: AskedAction) -> ClusterAction:
    """Carry an action out that is rolled back, and say whether a second person must sign it.

    It tells nobody what another person asked for.
    """
    action = asked.carry_out(writer)
    has_first = _waiting(writer, asked.part.cluster_id) is not None
    is_grave = asked.outcome is not Outcome.ESCALATED and _grave_bank(writer, signatory, asked)
    if not (has_first or is_grave):
        return action
    told = "A second person must sign it before anything takes effect."
    return replace(action, detail={**action.detail, "awaits_signature": True, "message": told})


def _signed(
    writer: Writer, signatory: Signatory, asked: AskedAction, waiting: ReviewItem
) -> ClusterAction:
    """Sign what another person asked for, if this is the same but for the outcome."""
    first = writer.reviews.get(waiting.parent_id or 0)
    act = writer.reviews.effects(first.id).act or ReviewAct()
    bank = asked.bank.name if asked.bank else None
    is_same = (act.run_id, act.min_probability, act.decides) == (
        asked.part.run_id,
        asked.part.min_probability,
        asked.kind is ActionKind.DECISION,
    )
    is_mine = first.decided_by == signatory.person.id
    if is_mine and is_same and (act.bank, first.outcome) == (bank, asked.outcome):
        action = writer.cluster_actions.get(act.action_id or 0)
        return replace(action, detail={**action.detail, "message": AWAITED.format(first.id)})
    check_signatory(writer, signatory.person, waiting, asked.outcome)
    if not is_same or (act.bank != bank and first.outcome is asked.outcome):
        raise ReviewTaken(
            f"Cluster {waiting.cluster_id} awaits a second signature on another action: sign "
            f"review {waiting.id} first, in the queue second_signature."
        )
    decide_open(writer, signatory, waiting, Said(asked.outcome, None, asked.note))
    return writer.cluster_actions.get(act.action_id or 0)


def _waiting(writer: Writer, cluster_id: int) -> ReviewItem | None:
    """Return the item at which an action on a cluster awaits its second signature."""
    wanted = ReviewFilter(
        queue=QueueKind.SECOND_SIGNATURE, state=ReviewState.OPEN, cluster_id=cluster_id
    )
    return next(
        (
            item
            for item in writer.reviews.page(wanted)
            if item.parent_id and writer.reviews.effects(item.parent_id).act
        ),
        None,
    )


def _grave_bank(writer: Writer, signatory: Signatory, asked: AskedAction) -> str | None:
    """Return the gravest bank for which two must sign; None where one person is enough."""
    banks = {asked.bank.name: asked.bank.severity} if asked.bank else {}
    if asked.kind is ActionKind.DECISION:
        banks |= writer.cluster_actions.banks_listed(asked.part)
    worst = gravest(banks.values())
    if not signatory.rules.is_grave(worst):
        return None
    return next(name for name, severity in banks.items() if severity is worst)


def _question(writer: Writer, asked: AskedAction, told: dict[str, int]) -> str:
    """Say what the second person is asked, and not what the first one said."""
    cluster_id = asked.part.cluster_id
    named = (
        f"the {told['members']} images of cluster {cluster_id} ({writer.clusters.name(cluster_id)})"
    )
    if asked.kind is ActionKind.BANK and asked.bank:
        return f"Do {named} belong in bank {asked.bank.name}?"
    return f"Are the {told['matches']} listed matches of {named} true matches?"
