"""Reading what a running server tells of its index: how far the log is, how much there is."""

from datetime import datetime

from sqlalchemy import func, or_, select

from indexer.store.entry_conditions import ACTIVE
from indexer.store.models import ChangeRow, EntryRow, ImageRow, WebhookDeliveryRow, WebhookRow
from indexer.store.quarantine_queries import QuarantineQueries
from indexer.store.values import Sizes


class SizeQueries(QuarantineQueries):
    """Sizes within one transaction; `Catalog` has the rest."""

    def sizes(self) -> Sizes:
        """Count images, entries, the quarantine and the outbox: a walk over an index of each."""
        pending, dead = self._deliveries()
        return Sizes(
            images=self._count(ImageRow, ImageRow.removed_at.is_(None)),
            entries=self._count(EntryRow, ACTIVE),
            quarantined_by_code=self._quarantined_by_code(),
            deliveries_pending=pending,
            deliveries_dead=dead,
        )

    def changes_after(self, number: int) -> tuple[int, datetime | None]:
        """Return how many changes came after a change, and when the first of them was made."""
        head = self._connection.scalar(select(func.max(ChangeRow.number))) or 0
        made = select(ChangeRow.created_at).where(ChangeRow.number == number + 1)
        return max(0, head - number), self._connection.scalar(made)

    def _deliveries(self) -> tuple[int, int]:
        """Count the deliveries that are to be attempted, and those given up while it mattered."""
        pending, dead = WebhookDeliveryRow.next_attempt_at, WebhookDeliveryRow.dead_at
        statement = select(func.count(pending), func.count(dead)).join(
            WebhookRow, WebhookRow.id == WebhookDeliveryRow.webhook_id
        )
        left = or_(pending.is_not(None), dead.is_not(None))
        row = self._connection.execute(statement.where(WebhookRow.removed_at.is_(None), left)).one()
        return row[0], row[1]
