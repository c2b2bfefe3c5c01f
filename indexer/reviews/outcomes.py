"""Outcomes of reviews: what a decision on an item does to matches, flags and other items."""

from dataclasses import dataclass, replace

from indexer.flood.review import isolate, release
from indexer.store import Writer
from indexer.types import (
    FloodState,
    NewDecision,
    NewReviewItem,
    Outcome,
    Person,
    QueueKind,
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
    writer: Writer, item: ReviewItem, outcome: Outcome, said: Said, analyst: str
) -> Settlement:
    """Let an outcome take effect: a decision on the match, or on the flood flag.

    Raises
    ------
    NotFoundError
        What was matched is gone.
    """
    settled = said.settlement()
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
    before = [
        each.id
        for each in writer.decisions.for_query(new.query_sha256)
        if (each.entry_id, each.image_id) == (new.entry_id, new.image_id)
    ]
    decision = writer.decisions.add(new)
    return replace(settled, decision_id=decision.id, superseded_id=before[-1] if before else None)


def take_back(writer: Writer, item: ReviewItem) -> None:
    """Undo what `carry_out` did."""
    before = writer.reviews.effects(item.id)
    if item.decision_id is not None and before.superseded_id != item.decision_id:
        writer.decisions.supersede([item.decision_id])
        if before.superseded_id is not None:
            writer.decisions.reinstate([before.superseded_id])
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
        note=": ".join(filter(None, (said.reason, said.note))) or None,
    )
