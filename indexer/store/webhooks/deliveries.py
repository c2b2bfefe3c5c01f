"""Webhook deliveries: what is to be sent, and what became of it."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, delete, func, select, update

from indexer.errors import InputError, NotFoundError
from indexer.store.edits import Edits
from indexer.store.models import WebhookDeliveryRow, WebhookRow
from indexer.store.queries import Queries, from_row, require
from indexer.store.sql_parameters import MAX_ID
from indexer.store.webhooks.webhooks import OPEN, Webhooks
from indexer.types import ClaimedDelivery, DeliveryState, WebhookDelivery

_ERROR_CHARACTERS = 500
_IN_STATE = {
    DeliveryState.PENDING: WebhookDeliveryRow.next_attempt_at.is_not(None),
    DeliveryState.DELIVERED: WebhookDeliveryRow.delivered_at.is_not(None),
    DeliveryState.DEAD: WebhookDeliveryRow.dead_at.is_not(None),
}


class Deliveries(Queries):
    """The deliveries within one transaction."""

    def get(self, delivery_id: int) -> WebhookDelivery:
        """Return a delivery.

        Raises
        ------
        NotFoundError
            There is no such delivery.
        """
        return require(
            self._deliveries_where(WebhookDeliveryRow.id == min(delivery_id, MAX_ID)),
            f"There is no delivery {delivery_id}. `lookalike webhook deliveries` shows those "
            "of a webhook.",
        )

    def page(
        self,
        webhook_id: int,
        *,
        state: DeliveryState | None = None,
        after_id: int = 0,
        limit: int = 100,
    ) -> list[WebhookDelivery]:
        """Return a page of a webhook's deliveries, oldest first.

        Raises
        ------
        NotFoundError
            There is no such webhook, or it was removed.
        """
        behind = WebhookDeliveryRow.id > min(after_id, MAX_ID)
        return self._deliveries_where(*self._of(webhook_id, state), behind, limit=limit)

    def newest(
        self, webhook_id: int, *, state: DeliveryState | None = None, limit: int = 100
    ) -> list[WebhookDelivery]:
        """Return a webhook's latest deliveries, newest first.

        Raises
        ------
        NotFoundError
            There is no such webhook, or it was removed.
        """
        wanted = self._of(webhook_id, state)
        return self._deliveries_where(*wanted, newest_first=True, limit=limit)

    def has_due(self, now: datetime) -> bool:
        """Return whether there is anything to deliver."""
        statement = select(WebhookDeliveryRow.id).join(WebhookRow).where(*_due(now)).limit(1)
        return self._connection.scalar(statement) is not None

    def _of(self, webhook_id: int, state: DeliveryState | None) -> list[ColumnElement[bool]]:
        """Return what holds for the deliveries of a webhook, which must be there."""
        Webhooks(self._connection).get(webhook_id)
        of_webhook = WebhookDeliveryRow.webhook_id == webhook_id
        return [of_webhook] if state is None else [of_webhook, _IN_STATE[state]]

    def _deliveries_where(
        self, *conditions: ColumnElement[bool], newest_first: bool = False, limit: int | None = None
    ) -> list[WebhookDelivery]:
        order = WebhookDeliveryRow.id.desc() if newest_first else WebhookDeliveryRow.id
        statement = (
            select(WebhookDeliveryRow.__table__).where(*conditions).order_by(order).limit(limit)
        )
        return [_delivery(row) for row in self._connection.execute(statement)]


class DeliveryEdits(Deliveries, Edits):
    """The deliveries within a writing transaction; several programs share the work."""

    def claim(self, limit: int, lease: timedelta, *, of_each: int) -> list[ClaimedDelivery]:
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
            .where(*_due(self._now))
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

    def forget(self, before: datetime) -> int:
        """Delete what was delivered earlier; return how many there were."""
        delivered = WebhookDeliveryRow.delivered_at < before
        return self._connection.execute(delete(WebhookDeliveryRow).where(delivered)).rowcount

    def settle(
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

    def retry(self, delivery_id: int, *, of: int | None = None) -> WebhookDelivery:
        """Let a delivery that was given up be tried again at once, with all its attempts.

        Raises
        ------
        NotFoundError
            There is no such delivery, or it is of another webhook than `of`, or that was removed.
        InputError
            It was delivered, or is to be tried anyway.
        """
        delivery = self.get(delivery_id)
        if of is not None and delivery.webhook_id != of:
            raise NotFoundError(f"Webhook {of} has no delivery {delivery_id}.")
        Webhooks(self._connection).get(delivery.webhook_id)
        if delivery.dead_at is None:
            raise InputError(
                f"Delivery {delivery_id} is {delivery.state}: only one that was given up can "
                "be retried."
            )
        self._connection.execute(
            update(WebhookDeliveryRow)
            .where(WebhookDeliveryRow.id == delivery_id)
            .values(next_attempt_at=self._now, dead_at=None, attempts=0)
        )
        self._audit.record("webhook.retry", "webhook", delivery.webhook_id, delivery=delivery_id)
        return self.get(delivery_id)


def _due(now: datetime) -> list[ColumnElement[bool]]:
    """Return what holds for deliveries that may be attempted at a moment."""
    return [WebhookDeliveryRow.next_attempt_at <= now, WebhookRow.enabled.is_(True), OPEN]


def _delivery(row: Row[Any]) -> WebhookDelivery:
    state = DeliveryState.PENDING
    if row.delivered_at is not None:
        state = DeliveryState.DELIVERED
    elif row.dead_at is not None:
        state = DeliveryState.DEAD
    return from_row(WebhookDelivery, row, state=state)
