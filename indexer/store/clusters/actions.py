"""Cluster actions: what analysts did about clusters."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, case, func, or_, select

from indexer.errors import NotFoundError
from indexer.store.banks.conditions import IN_FORCE
from indexer.store.cluster_values import ClusterPart, PartCounts
from indexer.store.models import (
    BankRow,
    ClusterActionRow,
    ClusterMemberRow,
    DecisionRow,
    EntryRow,
    ImageRow,
)
from indexer.store.queries import Queries, from_row
from indexer.store.sql_parameters import MAX_ID
from indexer.types import ActionKind, BankKind, ClusterAction, Outcome


class ClusterActions(Queries):
    """What analysts did about clusters, within one transaction."""

    def get(self, action_id: int) -> ClusterAction:
        """Return an action.

        Raises
        ------
        NotFoundError
            There is no such action.
        """
        return _action(self._action_row(action_id))

    def page(
        self, cluster_id: int | None = None, *, after_id: int = 0, limit: int = 100
    ) -> list[ClusterAction]:
        """Return a page of the actions, of one cluster if that is named, oldest first."""
        table = ClusterActionRow
        statement = select(table.__table__).where(table.id > min(after_id, MAX_ID))
        if cluster_id is not None:
            statement = statement.where(table.cluster_id == min(cluster_id, MAX_ID))
        rows = self._connection.execute(statement.order_by(table.id).limit(limit))
        return [_action(row) for row in rows]

    def counts(self, part: ClusterPart, at: datetime) -> PartCounts:
        """Count the members that an action on a part of a cluster leaves out or finds suppressed.

        Parameters
        ----------
        part : ClusterPart
        at : datetime
            Allow entries that are in force then suppress.
        """
        member, gone = ClusterMemberRow, ImageRow.removed_at.is_not(None)
        weak = and_(~gone, member.probability < part.min_probability)
        rejected = select(DecisionRow.id).where(
            DecisionRow.query_sha256 == ImageRow.sha256,
            DecisionRow.outcome == Outcome.REJECTED.value,
            DecisionRow.superseded_at.is_(None),
        )
        allowed = (
            select(EntryRow.id)
            .join(BankRow, BankRow.id == EntryRow.bank_id)
            .where(EntryRow.image_id == ImageRow.id, BankRow.kind == BankKind.ALLOW.value, IN_FORCE)
        )
        suppressed = and_(~gone, ~weak, or_(rejected.exists(), allowed.exists()))
        statement = (
            select(
                *(
                    func.coalesce(func.sum(case((each, 1), else_=0)), 0)
                    for each in (weak, gone, suppressed)
                )
            )
            .select_from(member)
            .join(ImageRow, ImageRow.id == member.image_id)
            .where(member.run_id == part.run_id, member.cluster_id == part.cluster_id)
        )
        return PartCounts(*map(int, self._connection.execute(statement, {"at": at}).one()))

    def _action_row(self, action_id: int) -> Row[Any]:
        table = ClusterActionRow
        statement = select(table.__table__).where(table.id == min(action_id, MAX_ID))
        row = self._connection.execute(statement).first()
        if row is None:
            raise NotFoundError(
                f"There is no cluster action {action_id}. `lookalike cluster show CLUSTER` "
                "lists those of a cluster."
            )
        return row


def _action(row: Row[Any]) -> ClusterAction:
    return from_row(ClusterAction, row, kind=ActionKind(row.kind), detail=row.detail["said"])
