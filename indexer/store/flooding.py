"""Counting how often entries match, and flagging those that match far too often."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import delete, update
from sqlalchemy.dialects import postgresql, sqlite

from indexer.store.models import EntryHitsRow, FloodFlagRow
from indexer.store.outbox import Outbox
from indexer.types import Flood, FloodState, WebhookEvent

_RESOLVED = {
    FloodState.OPEN: "reopen",
    FloodState.QUARANTINED: "quarantine",
    FloodState.DISMISSED: "dismiss",
}


class Flooding(Outbox):
    """What counts hits and writes flood flags; `Writer` has the rest."""

    def add_hits(self, hits: Mapping[tuple[int, datetime], int]) -> None:
        """Add to what is counted already: hits by entry id and the beginning of the hour."""
        postgres = self._connection.dialect.name == "postgresql"
        statement = postgresql.insert(EntryHitsRow) if postgres else sqlite.insert(EntryHitsRow)
        statement = statement.on_conflict_do_update(
            index_elements=[EntryHitsRow.entry_id, EntryHitsRow.hour],
            set_={"hits": EntryHitsRow.hits + statement.excluded.hits},
        )
        rows = [
            {"entry_id": entry_id, "hour": hour, "hits": count}
            for (entry_id, hour), count in sorted(hits.items())
        ]
        if rows:
            self._connection.execute(statement, rows)

    def forget_hits(self, before: datetime) -> int:
        """Delete the counts of earlier hours; return how many there were."""
        statement = delete(EntryHitsRow).where(EntryHitsRow.hour < before)
        return self._connection.execute(statement).rowcount

    def flag_flood(
        self, entry_id: int, window_start: datetime, hits: int, expected: float
    ) -> Flood:
        """Flag an entry for one hour's hits."""
        row = {
            "entry_id": entry_id,
            "flagged_at": self._now,
            "window_start": window_start,
            "hits": hits,
            "expected": expected,
            "state": FloodState.OPEN.value,
        }
        flood = self.flood(self._insert_one(FloodFlagRow, row))
        self._audit("flood.flag", "flood", flood.id, entry=entry_id, hits=hits)
        self._tell(WebhookEvent.FLOOD_FLAG, lambda: _told(flood))
        return flood

    def resolve_flood(self, flood_id: int, state: FloodState) -> Flood:
        """Say what became of a flag; saying it again changes nothing.

        Raises
        ------
        NotFoundError
            There is no such flag.
        """
        flood = self.flood(flood_id)
        if flood.state is not state:
            self._connection.execute(
                update(FloodFlagRow)
                .where(FloodFlagRow.id == flood.id)
                .values(state=state.value, resolved_at=self._now)
            )
            self._audit(f"flood.{_RESOLVED[state]}", "flood", flood.id, entry=flood.entry_id)
        return self.flood(flood_id)


def _told(flood: Flood) -> dict[str, Any]:
    """Return what webhooks are told of a flag; what becomes of it is not known yet."""
    return {
        "id": flood.id,
        "entry_id": flood.entry_id,
        "bank": flood.bank,
        "flagged_at": flood.flagged_at.isoformat(),
        "window_start": flood.window_start.isoformat(),
        "hits": flood.hits,
        "expected": flood.expected,
    }
