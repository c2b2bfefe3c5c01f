"""Reading webhooks and the outbox of their deliveries."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, select

from indexer.errors import NotFoundError
from indexer.store.models import WebhookDeliveryRow, WebhookRow
from indexer.store.parameters import MAX_ID
from indexer.store.queries import Queries
from indexer.types import DeliveryState, Webhook, WebhookDelivery, WebhookEvent

OPEN = WebhookRow.removed_at.is_(None)
_IN_STATE = {
    DeliveryState.PENDING: WebhookDeliveryRow.next_attempt_at.is_not(None),
    DeliveryState.DELIVERED: WebhookDeliveryRow.delivered_at.is_not(None),
    DeliveryState.DEAD: WebhookDeliveryRow.dead_at.is_not(None),
}


class WebhookQueries(Queries):
    """The webhooks within one transaction; `Catalog` has the rest."""

    def webhook(self, webhook_id: int) -> Webhook:
        """Return a webhook.

        Raises
        ------
        NotFoundError
            There is no such webhook, or it was removed.
        """
        found = self._webhooks_where(WebhookRow.id == min(webhook_id, MAX_ID))
        if not found:
            raise NotFoundError(
                f"There is no webhook {webhook_id}. `lookalike webhook list` shows them."
            )
        return found[0]

    def webhooks(self, *, after_id: int = 0, limit: int = 100) -> list[Webhook]:
        """Return a page of the webhooks, oldest first."""
        return self._webhooks_where(WebhookRow.id > min(after_id, MAX_ID), limit=limit)

    def webhook_delivery(self, delivery_id: int) -> WebhookDelivery:
        """Return a delivery.

        Raises
        ------
        NotFoundError
            There is no such delivery.
        """
        found = self._deliveries_where(WebhookDeliveryRow.id == min(delivery_id, MAX_ID))
        if not found:
            raise NotFoundError(
                f"There is no delivery {delivery_id}. `lookalike webhook deliveries` shows those "
                "of a webhook."
            )
        return found[0]

    def webhook_deliveries(
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
        self.webhook(webhook_id)
        wanted = [
            WebhookDeliveryRow.webhook_id == webhook_id,
            WebhookDeliveryRow.id > min(after_id, MAX_ID),
        ]
        if state is not None:
            wanted.append(_IN_STATE[state])
        return self._deliveries_where(*wanted, limit=limit)

    def has_due_deliveries(self, now: datetime) -> bool:
        """Return whether there is anything to deliver."""
        statement = select(WebhookDeliveryRow.id).join(WebhookRow).where(*due(now)).limit(1)
        return self._connection.scalar(statement) is not None

    def _webhooks_where(
        self, *conditions: ColumnElement[bool], limit: int | None = None
    ) -> list[Webhook]:
        statement = (
            select(WebhookRow.__table__)
            .where(OPEN, *conditions)
            .order_by(WebhookRow.id)
            .limit(limit)
        )
        return [_webhook(row) for row in self._connection.execute(statement)]

    def _deliveries_where(
        self, *conditions: ColumnElement[bool], limit: int | None = None
    ) -> list[WebhookDelivery]:
        statement = (
            select(WebhookDeliveryRow.__table__)
            .where(*conditions)
            .order_by(WebhookDeliveryRow.id)
            .limit(limit)
        )
        return [_delivery(row) for row in self._connection.execute(statement)]


def due(now: datetime) -> list[ColumnElement[bool]]:
    """Return what holds for deliveries that may be attempted at a moment."""
    return [WebhookDeliveryRow.next_attempt_at <= now, WebhookRow.enabled.is_(True), OPEN]


def _webhook(row: Row[Any]) -> Webhook:
    return Webhook(
        id=row.id,
        url=row.url,
        events=tuple(WebhookEvent(event) for event in row.events),
        description=row.description,
        enabled=row.enabled,
        created_at=row.created_at,
    )


def _delivery(row: Row[Any]) -> WebhookDelivery:
    state = DeliveryState.PENDING
    if row.delivered_at is not None:
        state = DeliveryState.DELIVERED
    elif row.dead_at is not None:
        state = DeliveryState.DEAD
    return WebhookDelivery(
        id=row.id,
        webhook_id=row.webhook_id,
        message_id=row.message_id,
        event=row.event,
        state=state,
        created_at=row.created_at,
        attempts=row.attempts,
        next_attempt_at=row.next_attempt_at,
        delivered_at=row.delivered_at,
        dead_at=row.dead_at,
        last_status=row.last_status,
        last_error=row.last_error,
    )
