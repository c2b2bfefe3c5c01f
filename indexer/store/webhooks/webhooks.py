"""Webhooks."""

from typing import Any

from sqlalchemy import ColumnElement, Row, select

from indexer.store.models import WebhookRow
from indexer.store.queries import Queries, from_row, require
from indexer.store.sql_parameters import MAX_ID
from indexer.types import Webhook, WebhookEvent

OPEN = WebhookRow.removed_at.is_(None)


class Webhooks(Queries):
    """The webhooks within one transaction."""

    def get(self, webhook_id: int) -> Webhook:
        """Return a webhook.

        Raises
        ------
        NotFoundError
            There is no such webhook, or it was removed.
        """
        return require(
            self._webhooks_where(WebhookRow.id == min(webhook_id, MAX_ID)),
            f"There is no webhook {webhook_id}. `lookalike webhook list` shows them.",
        )

    def page(self, *, after_id: int = 0, limit: int = 100) -> list[Webhook]:
        """Return a page of the webhooks, oldest first."""
        return self._webhooks_where(WebhookRow.id > min(after_id, MAX_ID), limit=limit)

    def wanting(self, event: WebhookEvent) -> list[Webhook]:
        """Return the enabled webhooks that get an event."""
        enabled = self._webhooks_where(WebhookRow.enabled.is_(True))
        return [webhook for webhook in enabled if event in webhook.events]

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


def _webhook(row: Row[Any]) -> Webhook:
    return from_row(Webhook, row, events=tuple(map(WebhookEvent, row.events)))
