"""Cluster actions: what analysts did about clusters."""

from typing import Any

from sqlalchemy import Row, select

from indexer.errors import NotFoundError
from indexer.store.models import ClusterActionRow
from indexer.store.queries import Queries, from_row
from indexer.store.sql_parameters import MAX_ID
from indexer.types import ActionKind, ClusterAction


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
