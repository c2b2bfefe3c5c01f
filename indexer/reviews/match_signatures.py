"""Signatures of decisions that come from outside the review queues."""

from collections.abc import Sequence
from dataclasses import replace

from indexer.reviews.outcomes import Said
from indexer.reviews.rules import Signatory, gravest
from indexer.reviews.signatures import AWAITED, check_signatory, decide_open, sign_first, signers
from indexer.store import MatchKey, Writer
from indexer.types import (
    Bank,
    Decided,
    Decision,
    NewDecision,
    NewReviewItem,
    Outcome,
    QueueKind,
    ReviewAct,
    ReviewEvidence,
    ReviewItem,
    ReviewState,
    Severity,
)


def sign_match(
    writer: Writer, signatory: Signatory, new: NewDecision, joined: Bank | None
) -> Decided | None:
    """Take a decision as the first or the second of two signatures; None where one is enough.

    Parameters
    ----------
    writer : Writer
    signatory : Signatory
    new : NewDecision
    joined : Bank or None
        The bank that the query is to join.

    Raises
    ------
    InputError
        Not exactly one of entry and image is given.
    NotFoundError
        There is no such entry or image.
    ReviewTaken
        The match awaits the signature of another person, or another person reviews it now.
    """
    writer.decisions.check(new)
    match = MatchKey(new.query_sha256, new.entry_id, new.image_id)
    about = writer.reviews.about(match)
    said = Said(new.outcome, None, new.note)
    if answer := _answered(about, signatory, said):
        return answer
    act = ReviewAct(
        bank=joined.name if joined else None,
        query_pdq=new.query_pdq.hex() if new.query_pdq else None,
    )
    item = next((each for each in about if each.state is ReviewState.OPEN), None)
    if item and signers(writer, item):
        return _signed(writer, signatory, item, said)
    if new.outcome is Outcome.ESCALATED or not _needs_two(writer, signatory, new, joined, item):
        return None
    if (standing := _standing(writer, new)) and not joined:
        return Decided(standing, None, 0)
    if item is None:
        item = _make(writer, new, about, joined)
        act = replace(act, is_own=True)
    check_signatory(writer, signatory.person, item, new.outcome)
    return _waiting(sign_first(writer, signatory.person, item, said, act))


def _answered(about: Sequence[ReviewItem], signatory: Signatory, said: Said) -> Decided | None:
    """Return the first person's answer once more, if they say the same again."""
    for item in about:
        mine = item.awaits_signature and item.decided_by == signatory.person.id
        if mine and item.outcome is said.outcome:
            return _waiting(item)
    return None


def _signed(writer: Writer, signatory: Signatory, item: ReviewItem, said: Said) -> Decided:
    """Sign an item that others signed before."""
    check_signatory(writer, signatory.person, item, said.outcome)
    signed = decide_open(writer, signatory, item, said)
    act = writer.reviews.effects(item.id).act
    decision = writer.decisions.for_query(bytes.fromhex(item.query_sha256 or ""))
    held = next((each for each in decision if each.id == signed.decision_id), None)
    escalated = held is not None and held.outcome is Outcome.ESCALATED
    return Decided(
        held,
        act.bank if act and act.entries else None,
        len(act.entries) if act else 0,
        review_id=signed.id,
        message="Two persons disagree: a third one is asked, in the queue of escalations."
        if escalated
        else None,
    )


def _needs_two(
    writer: Writer,
    signatory: Signatory,
    new: NewDecision,
    joined: Bank | None,
    item: ReviewItem | None,
) -> bool:
    severity = gravest([_severity(writer, new), joined.severity if joined else None])
    if signatory.rules.is_grave(severity):
        return True
    return item is not None and signatory.rules.needs_second(item, None)


def _severity(writer: Writer, new: NewDecision) -> Severity | None:
    """Return how grave the bank of the matched entry is."""
    if new.entry_id is None:
        return None
    return writer.entries.severity_of(new.entry_id)


def _standing(writer: Writer, new: NewDecision) -> Decision | None:
    """Return the decision that says the same of the match, if it holds."""
    wanted = (new.entry_id, new.image_id, new.outcome)
    for each in writer.decisions.for_query(new.query_sha256):
        if (each.entry_id, each.image_id, each.outcome) == wanted:
            return each
    return None


def _make(
    writer: Writer, new: NewDecision, about: Sequence[ReviewItem], joined: Bank | None
) -> ReviewItem:
    """Make the item that the first signature waits at, with what is known of the match."""
    held = writer.images.ids_by_sha256([new.query_sha256]).get(new.query_sha256)
    evidence = ReviewEvidence(tier=new.tier, decided_by=new.decided_by)
    if about:  # an earlier item about the same match has it in full
        evidence = about[-1].evidence
    item = NewReviewItem(
        QueueKind.UNCERTAIN if held is None else QueueKind.RETRO_MATCH,
        evidence,
        query_sha256=new.query_sha256,
        image_id=held,
        entry_id=new.entry_id,
        match_image_id=new.image_id,
        bank=joined.name if joined and new.entry_id is None else None,
        is_signed=True,
    )
    [made] = writer.reviews.add([item])
    return writer.reviews.get(made)


def _waiting(item: ReviewItem) -> Decided:
    """Say that the first of two persons has signed."""
    return Decided(
        None, None, 0, awaits_signature=True, review_id=item.id, message=AWAITED.format(item.id)
    )
