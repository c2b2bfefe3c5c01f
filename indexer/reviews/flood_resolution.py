"""Flood flags as they are resolved outside the review queues."""

from indexer.errors import SecondPersonNeeded
from indexer.flood.review import dismiss, quarantine
from indexer.reviews.rules import ReviewRules
from indexer.store import Store, Writer
from indexer.types import Flood, FloodState, ReviewFilter, ReviewState


def resolve_flood(store: Store, rules: ReviewRules, flood_id: int, state: FloodState) -> Flood:
    """Quarantine the entry of a flag, or dismiss the flag; repeating it changes nothing.

    Parameters
    ----------
    store : Store
    rules : ReviewRules
    flood_id : int
    state : FloodState
        quarantined or dismissed.

    Raises
    ------
    NotFoundError
        There is no such flag.
    SecondPersonNeeded
        Two persons must sign it: its review item is where they do.
    """
    with store.writer() as writer:
        flood = writer.floods.get(flood_id)
        if flood.state is not state and rules.is_grave(writer.entries.severity_of(flood.entry_id)):
            _refuse(writer, flood, state)
        act = quarantine if state is FloodState.QUARANTINED else dismiss
        return act(store.joining(writer), flood_id)


def _refuse(writer: Writer, flood: Flood, state: FloodState) -> None:
    """Lead to the review item; without one only a flag that frees its entry is resolved here."""
    why = f"Two persons must sign what is done about flag {flood.id}: bank {flood.bank} is grave"
    wanted = ReviewFilter(state=ReviewState.OPEN, flood_id=flood.id)
    for item in writer.reviews.page(wanted, limit=1):
        raise SecondPersonNeeded(
            f"{why}. Decide review {item.id}: `POST /v1/reviews/{item.id}/decision`."
        )
    if state is FloodState.QUARANTINED:
        raise SecondPersonNeeded(
            f"{why}, and the flag was resolved before. Disable the entry by hand: "
            f"`lookalike bank disable {flood.bank} {flood.entry_id}`."
        )
