"""Reading how often entries match, and which were flagged for it."""

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, func, select

from indexer.errors import NotFoundError
from indexer.store.models import BankRow, EntryHitsRow, EntryRow, FloodFlagRow
from indexer.store.parameters import MAX_ID, chunks
from indexer.store.queries import Queries
from indexer.types import Flood, FloodState


class HitQueries(Queries):
    """Hits and flood flags within one transaction; `Catalog` has the rest."""

    def entry_hits(
        self, entry_ids: Collection[int], *, since: datetime, before: datetime
    ) -> dict[int, dict[datetime, int]]:
        """Return the hits of entries, in the hours that begin in `[since, before)`.

        Returns
        -------
        dict of int to dict of datetime to int
            Hits by the beginning of the hour, by entry id. Hours without a hit are left out; so are
            entries without any.
        """
        found: defaultdict[int, dict[datetime, int]] = defaultdict(dict)
        for chunk in chunks(entry_ids):
            statement = select(EntryHitsRow.__table__).where(
                EntryHitsRow.entry_id.in_(chunk),
                EntryHitsRow.hour >= since,
                EntryHitsRow.hour < before,
            )
            for entry_id, hour, hits in self._connection.execute(statement):
                found[entry_id][hour] = hits
        return dict(found)

    def first_hit_hour(self) -> datetime | None:
        """Return the beginning of the earliest hour with a hit of any entry."""
        return self._connection.scalar(select(func.min(EntryHitsRow.hour)))

    def entry_births(self, entry_ids: Collection[int]) -> dict[int, datetime]:
        """Return when entries were added, removed ones too."""
        births: dict[int, datetime] = {}
        for chunk in chunks(entry_ids):
            statement = select(EntryRow.id, EntryRow.created_at).where(EntryRow.id.in_(chunk))
            births.update(self._connection.execute(statement).all())
        return births

    def flood(self, flood_id: int) -> Flood:
        """Return a flag.

        Raises
        ------
        NotFoundError
            There is no such flag.
        """
        found = self._floods_where(FloodFlagRow.id == min(flood_id, MAX_ID))
        if not found:
            raise NotFoundError(
                f"There is no flood flag {flood_id}. `lookalike flood list --all` shows them."
            )
        return found[0]

    def floods(
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
        flagged: set[int] = set()
        for chunk in chunks(entry_ids):
            statement = select(FloodFlagRow.entry_id).where(
                FloodFlagRow.entry_id.in_(chunk),
                (FloodFlagRow.state == FloodState.OPEN.value)
                | (FloodFlagRow.window_start >= window_start),
            )
            flagged.update(self._connection.scalars(statement))
        return flagged

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


def _flood(row: Row[Any]) -> Flood:
    return Flood(
        id=row.id,
        entry_id=row.entry_id,
        bank=row.bank,
        flagged_at=row.flagged_at,
        window_start=row.window_start,
        hits=row.hits,
        expected=row.expected,
        state=FloodState(row.state),
        resolved_at=row.resolved_at,
    )
