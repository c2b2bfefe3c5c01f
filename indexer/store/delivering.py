"""Taking deliveries out of the outbox, so that several programs share the work."""

from datetime import datetime, timedelta

from sqlalchemy import delete, func, select, update

from indexer.store.models import WebhookDeliveryRow, WebhookRow
from indexer.store.webhook_edits import WebhookEdits
from indexer.store.webhook_queries import due
from indexer.types import ClaimedDelivery

_ERROR_CHARACTERS = 500


class Delivering(WebhookEdits):
    """What claims deliveries and writes down what became of them; `Writer` has the rest."""

    def claim_deliveries(
        self, limit: int, lease: timedelta, *, of_each: int
    ) -> list[ClaimedDelivery]:
        """Take deliveries that are due, longest due first; for the time of a lease they are ours.

        One that is not settled until then is due again: whoever claimed it may have died.

        Parameters
        ----------
        limit : int
            Most deliveries taken.
        lease : timedelta
        of_each : int
            Most of one webhook, so that a receiver that hangs does not hold up the others.
        """
        place = func.row_number().over(
            partition_by=WebhookDeliveryRow.webhook_id, order_by=WebhookDeliveryRow.next_attempt_at
        )
        ranked = (
            select(WebhookDeliveryRow.id, WebhookDeliveryRow.next_attempt_at, place.label("place"))
            .join(WebhookRow)
            .where(*due(self._now))
            .subquery()
        )
        taken = (
            select(ranked.c.id)
            .where(ranked.c.place <= of_each)
            .order_by(ranked.c.next_attempt_at, ranked.c.id)
            .limit(limit)
        )
        ids = list(self._connection.scalars(taken))
        if not ids:
            return []
        self._connection.execute(
            update(WebhookDeliveryRow)
            .where(WebhookDeliveryRow.id.in_(ids))
            .values(attempts=WebhookDeliveryRow.attempts + 1, next_attempt_at=self._now + lease)
        )
        columns = WebhookDeliveryRow
        statement = (
            select(
                columns.id,
                columns.webhook_id,
                columns.message_id,
                WebhookRow.url,
                func.coalesce(WebhookRow.secret, "").label("secret"),
                columns.payload,
                columns.attempts,
            )
            .join(WebhookRow)
            .where(columns.id.in_(ids))
            .order_by(columns.id)
        )
        return [ClaimedDelivery(**row) for row in self._connection.execute(statement).mappings()]

    def forget_deliveries(self, before: datetime) -> int:
        """Delete what was delivered earlier; return how many there were."""
        delivered = WebhookDeliveryRow.delivered_at < before
        return self._connection.execute(delete(WebhookDeliveryRow).where(delivered)).rowcount

    def settle_delivery(
        self,
        claimed: ClaimedDelivery,
        *,
        status: int | None,
        error: str | None,
        next_attempt_at: datetime | None = None,
    ) -> None:
        """Write down how an attempt went; one that another program took over is left to it.

        Parameters
        ----------
        claimed : ClaimedDelivery
        status : int or None
            HTTP status of the answer, if one came.
        error : str or None
            Why it failed; None if it was delivered.
        next_attempt_at : datetime, optional
            When it is tried again; without one, a failure is the last.
        """
        self._connection.execute(
            update(WebhookDeliveryRow)
            .where(
                WebhookDeliveryRow.id == claimed.id,
                WebhookDeliveryRow.attempts == claimed.attempts,
                WebhookDeliveryRow.next_attempt_at.is_not(None),
            )
            .values(
                last_status=status,
                last_error=error and error[:_ERROR_CHARACTERS],
                next_attempt_at=next_attempt_at if error else None,
                delivered_at=None if error else self._now,
                dead_at=self._now if error and next_attempt_at is None else None,
            )
        )
