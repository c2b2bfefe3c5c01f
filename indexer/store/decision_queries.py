"""Reading what analysts decided about matches."""

from typing import Any

from sqlalchemy import ColumnElement, Row, bindparam, select

from indexer.store.models import DecisionRow
from indexer.store.parameters import MAX_ID
from indexer.store.queries import Queries
from indexer.types import Decision, Outcome, Signal, Tier

_STANDING = DecisionRow.superseded_at.is_(None)
_OF_QUERY = (
    select(DecisionRow.__table__)
    .where(DecisionRow.query_sha256 == bindparam("sha256"), _STANDING)
    .order_by(DecisionRow.id)
)


class DecisionQueries(Queries):
    """The decisions within one transaction; `Catalog` has the rest."""

    def decisions_for(self, query_sha256: bytes) -> list[Decision]:
        """Return the decisions that hold for a query of these very bytes, oldest first.

        Parameters
        ----------
        query_sha256 : bytes
            32 bytes.
        """
        found = self._connection.execute(_OF_QUERY, {"sha256": query_sha256})
        return [_decision(row) for row in found]

    def decisions(
        self,
        *,
        after_id: int = 0,
        limit: int = 100,
        query_sha256: bytes | None = None,
        entry_id: int | None = None,
        outcome: Outcome | None = None,
        superseded: bool = False,
    ) -> list[Decision]:
        """Return a page of the decisions, oldest first.

        Parameters
        ----------
        after_id : int
            Last id of the page before.
        limit : int
            Most decisions of a page.
        query_sha256 : bytes, optional
            Only those on a query of these very bytes (32 bytes).
        entry_id : int, optional
            Only those on this entry.
        outcome : Outcome, optional
            Only those of this outcome.
        superseded : bool
            Whether decisions that a later one took the place of are returned, too.
        """
        wanted = [DecisionRow.id > min(after_id, MAX_ID)]
        if not superseded:
            wanted.append(_STANDING)
        if query_sha256 is not None:
            wanted.append(DecisionRow.query_sha256 == query_sha256)
        if entry_id is not None:
            wanted.append(DecisionRow.entry_id == min(entry_id, MAX_ID))
        if outcome is not None:
            wanted.append(DecisionRow.outcome == outcome.value)
        return self._decisions_where(*wanted, limit=limit)

    def _decisions_where(
        self, *conditions: ColumnElement[bool], limit: int | None = None
    ) -> list[Decision]:
        """Return the decisions that satisfy all conditions, oldest first."""
        statement = select(DecisionRow.__table__).where(*conditions).order_by(DecisionRow.id)
        return [_decision(row) for row in self._connection.execute(statement.limit(limit))]


def _decision(row: Row[Any]) -> Decision:
    return Decision(
        id=row.id,
        query_sha256=row.query_sha256.hex(),
        query_pdq=None if row.query_pdq is None else row.query_pdq.hex(),
        entry_id=row.entry_id,
        image_id=row.image_id,
        outcome=Outcome(row.outcome),
        tier=None if row.tier is None else Tier(row.tier),
        decided_by=None if row.decided_by is None else Signal(row.decided_by),
        analyst=row.analyst,
        note=row.note,
        created_at=row.created_at,
        superseded_at=row.superseded_at,
    )
