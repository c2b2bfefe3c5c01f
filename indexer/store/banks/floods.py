"""Flood flags: entries that match far too often."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, select, update

from indexer.store.edits import Edits, Transaction
from indexer.store.models import BankRow, EntryRow, FloodFlagRow
from indexer.store.queries import Queries, from_row, require
from indexer.store.reviews.item_edits import ReviewItemEdits
from indexer.store.sql_parameters import MAX_ID
from indexer.store.webhooks.outbox import Outbox
from indexer.types import (
    Flood,
    FloodState,
    NewReviewItem,
    QueueKind,
    ReviewEvidence,
    WebhookEvent,
)

_RESOLVED = {
    FloodState.OPEN: "reopen",
    FloodState.QUARANTINED: "quarantine",
    FloodState.DISMISSED: "dismiss",
}


class Floods(Queries):
    """The flood flags within one transaction."""

    def get(self, flood_id: int) -> Flood:
        """Return a flag.

        Raises
        ------
        NotFoundError
            There is no such flag.
        """
        return require(
            self._floods_where(FloodFlagRow.id == min(flood_id, MAX_ID)),
            f"There is no flood flag {flood_id}. `lookalike flood list --all` shows them.",
        )

    def page(
        self, *, state: FloodState | None = None, after_id: int = 0, limit: int = 100
    ) -> list[Flood]:
        """Return a page of the flags, oldest first.

        Parameters
        ----------
        state : FloodState, optional
            Only flags in this state.
        after_id : int
            Last id of the page before.
        limit : int
            Most flags of a page.
        """
        wanted = [FloodFlagRow.id > min(after_id, MAX_ID)]
        if state is not None:
            wanted.append(FloodFlagRow.state == state.value)
        return self._floods_where(*wanted, limit=limit)

    def flagged_since(self, entry_ids: Collection[int], window_start: datetime) -> set[int]:
        """Return the entries that have an open flag, or one of any state for this hour or later."""
        is_open = FloodFlagRow.state == FloodState.OPEN.value
        statement = select(FloodFlagRow.entry_id).where(
            is_open | (FloodFlagRow.window_start >= window_start)
        )
        return {row.entry_id for row in self._rows(statement, FloodFlagRow.entry_id, entry_ids)}

    def _floods_where(
        self, *conditions: ColumnElement[bool], limit: int | None = None
    ) -> list[Flood]:
        statement = (
            select(FloodFlagRow.__table__, BankRow.name.label("bank"))
            .join(EntryRow, EntryRow.id == FloodFlagRow.entry_id)
            .join(BankRow, BankRow.id == EntryRow.bank_id)
            .where(*conditions)
            .order_by(FloodFlagRow.id)
            .limit(limit)
        )
        return [_flood(row) for row in self._connection.execute(statement)]


class FloodEdits(Floods, Edits):
    """The flood flags within a writing transaction."""

    def __init__(self, transaction: Transaction, outbox: Outbox, reviews: ReviewItemEdits) -> None:
        super().__init__(transaction)
        self._outbox = outbox
        self._reviews = reviews

    def flag(self, entry_id: int, window_start: datetime, hits: int, expected: float) -> Flood:
        """Flag an entry for one hour's hits."""
        row = {
            "entry_id": entry_id,
            "flagged_at": self._now,
            "window_start": window_start,
            "hits": hits,
            "expected": expected,
            "state": FloodState.OPEN.value,
        }
        flood = self.get(self._insert_one(FloodFlagRow, row))
        self._audit.record("flood.flag", "flood", flood.id, entry=entry_id, hits=hits)
        self._outbox.emit(WebhookEvent.FLOOD_FLAG, lambda: _event(flood))
        self._reviews.add([_review(flood)])
        return flood

    def resolve(self, flood_id: int, state: FloodState) -> Flood:
        """Say what became of a flag, which needs no review then; again changes nothing.

        Raises
        ------
        NotFoundError
            There is no such flag.
        """
        flood = self.get(flood_id)
        if flood.state is not state:
            self._connection.execute(
                update(FloodFlagRow)
                .where(FloodFlagRow.id == flood.id)
                .values(state=state.value, resolved_at=self._now)
            )
            self._reviews.dismiss_flood(flood.id)
            self._audit.record(f"flood.{_RESOLVED[state]}", "flood", flood.id, entry=flood.entry_id)
        return self.get(flood_id)


def _event(flood: Flood) -> dict[str, Any]:
    """Return a flag as webhooks get it; what becomes of it is not known yet."""
    return {
        "id": flood.id,
        "entry_id": flood.entry_id,
        "bank": flood.bank,
        "flagged_at": flood.flagged_at.isoformat(),
        "window_start": flood.window_start.isoformat(),
        "hits": flood.hits,
        "expected": flood.expected,
    }


def _review(flood: Flood) -> NewReviewItem:
    message = f"Entry {flood.entry_id} matched {flood.hits} times in an hour, of {flood.bank}."
    evidence = ReviewEvidence(message=message, count=flood.hits, expected=flood.expected)
    return NewReviewItem(QueueKind.FLOOD, evidence, flood_id=flood.id, entry_id=flood.entry_id)


def _flood(row: Row[Any]) -> Flood:
    return from_row(Flood, row, state=FloodState(row.state))
