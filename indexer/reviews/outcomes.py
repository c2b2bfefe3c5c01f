"""Outcomes of reviews: what a decision on an item does to matches, flags and other items."""

from dataclasses import dataclass, replace

from indexer.decision_banks import join_bank
from indexer.flood.review import isolate, release
from indexer.store import Writer
from indexer.types import (
    Bank,
    FloodState,
    NewDecision,
    NewReviewItem,
    Outcome,
    Person,
    QueueKind,
    ReviewAct,
    ReviewEffects,
    ReviewItem,
    Settlement,
)


@dataclass(frozen=True, slots=True)
class Said:
    """What a person says of an item."""

    outcome: Outcome
    reason: str | None = None
    note: str | None = None

    def settlement(self) -> Settlement:
        """Return it as it is written down, before anything came of it."""
        return Settlement(self.outcome, self.reason, self.note)


def carry_out(
    writer: Writer,
    item: ReviewItem,
    outcome: Outcome,
    said: Said,
    analyst: str,
    act: ReviewAct | None = None,
) -> Settlement:
    """Let an outcome take effect: a decision on the match, on the flood flag, or on a cluster.

    Parameters
    ----------
    writer : Writer
    item : ReviewItem
    outcome : Outcome
    said : Said
    analyst : str
        Who decided.
    act : ReviewAct, optional
        What is carried out beside.

    Raises
    ------
    NotFoundError
        What was matched, or the bank that is to be joined, is gone.
    """
    settled = said.settlement()
    if act and act.action_id is not None:
        if outcome is not Outcome.ESCALATED:
            writer.cluster_actions.fulfil(
                act, outcome, analyst=analyst, note=_words(said), bank=_bank(writer, act)
            )
        return replace(settled, act=act)
    if item.flood_id is not None and outcome is not Outcome.ESCALATED:
        flood = writer.floods.get(item.flood_id)
        if outcome is Outcome.CONFIRMED:
            isolate(writer, flood)
        else:
            release(writer, flood, FloodState.DISMISSED)
        return replace(settled, flood_state=flood.state.value)
    new = _decision(item, outcome, said, analyst)
    if new is None:
        return settled
    if act and act.query_pdq:
        new = replace(new, query_pdq=bytes.fromhex(act.query_pdq))
    before = [
        each.id
        for each in writer.decisions.for_query(new.query_sha256)
        if (each.entry_id, each.image_id) == (new.entry_id, new.image_id)
    ]
    decision = writer.decisions.add(new)
    if act and (bank := _bank(writer, act)):
        act = replace(act, entries=join_bank(writer, bank, new))
    return replace(
        settled,
        decision_id=decision.id,
        superseded_id=before[-1] if before else None,
        act=act,
    )


def take_back(writer: Writer, item: ReviewItem, before: ReviewEffects) -> None:
    """Undo what `carry_out` did.

    Parameters
    ----------
    writer : Writer
    item : ReviewItem
        As it was decided.
    before : ReviewEffects
        What the decision changed.
    """
    if item.decision_id is not None and before.superseded_id != item.decision_id:
        superseded = [] if before.superseded_id is None else [before.superseded_id]
        writer.decisions.undo([item.decision_id], superseded)
    if before.act and before.act.action_id is not None:
        writer.cluster_actions.hold_again(before.act.action_id)
    elif before.act:
        writer.entries.remove(before.act.entries)
    if item.flood_id is not None and before.flood_state is not None:
        flood = writer.floods.get(item.flood_id)
        if before.flood_state == FloodState.QUARANTINED:
            isolate(writer, flood)
        else:
            release(writer, flood, FloodState(before.flood_state))


def follow(
    writer: Writer, item: ReviewItem, queue: QueueKind, *, not_for: Person | None = None
) -> None:
    """Make the item that follows one: for a second signature, or for whom it is escalated to."""
    by_image = item.entry_id is None
    new = NewReviewItem(
        queue,
        item.evidence,
        query_sha256=bytes.fromhex(item.query_sha256) if item.query_sha256 else None,
        image_id=item.image_id,
        flood_id=item.flood_id,
        cluster_id=item.cluster_id,
        entry_id=item.entry_id,
        match_image_id=item.match_image_id if by_image else None,
        bank=item.bank if by_image else None,
        parent_id=item.id,
        not_for=not_for.id if not_for else None,
    )
    writer.reviews.add([new])


def _decision(item: ReviewItem, outcome: Outcome, said: Said, analyst: str) -> NewDecision | None:
    """Return the decision on the match of an item; None for one without a match."""
    by_image = item.entry_id is None
    matched = item.match_image_id if by_image else item.entry_id
    if item.query_sha256 is None or item.flood_id is not None or matched is None:
        return None
    return NewDecision(
        query_sha256=bytes.fromhex(item.query_sha256),
        outcome=outcome,
        entry_id=item.entry_id,
        image_id=item.match_image_id if by_image else None,
        tier=item.evidence.tier,
        decided_by=item.evidence.decided_by,
        analyst=analyst,
        note=_words(said),
    )


def _words(said: Said) -> str | None:
    return ": ".join(filter(None, (said.reason, said.note))) or None


def _bank(writer: Writer, act: ReviewAct) -> Bank | None:
    return None if act.bank is None else writer.banks.get(act.bank)
