"""Webhooks: creating, changing and removing them."""

from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import update

from indexer.errors import InputError
from indexer.store.edits import Edits, Transaction
from indexer.store.models import WebhookDeliveryRow, WebhookRow
from indexer.store.webhooks.deliveries import Deliveries
from indexer.store.webhooks.outbox import Outbox
from indexer.store.webhooks.webhooks import Webhooks
from indexer.types import PING, Webhook, WebhookDelivery, WebhookEvent


class WebhookEdits(Webhooks, Edits):
    """The webhooks within a writing transaction. The audit log has no secret and no URL."""

    def __init__(self, transaction: Transaction, outbox: Outbox) -> None:
        super().__init__(transaction)
        self._outbox = outbox

    def create(
        self, url: str, events: Iterable[WebhookEvent], secret: str, description: str | None
    ) -> Webhook:
        """Make a webhook, enabled.

        Raises
        ------
        InputError
            No event is named.
        """
        names = _names(events)
        row = {
            "url": url,
            "events": names,
            "secret": secret,
            "description": description,
            "enabled": True,
            "created_at": self._now,
        }
        webhook_id = self._insert_one(WebhookRow, row)
        self._audit.record("webhook.create", "webhook", webhook_id, host=_host(url), events=names)
        return self.get(webhook_id)

    def edit(
        self,
        webhook_id: int,
        *,
        url: str | None = None,
        events: Sequence[WebhookEvent] | None = None,
        description: str | None = None,
        enabled: bool | None = None,
    ) -> Webhook:
        """Change what is given; what is None stays as it is.

        Raises
        ------
        NotFoundError
            There is no such webhook.
        InputError
            No event is left.
        """
        before = self.get(webhook_id)
        given: dict[str, Any] = {
            "url": url,
            "events": None if events is None else _names(events),
            "description": description,
        }
        values = {name: value for name, value in given.items() if value is not None}
        if values:
            self._set_webhook(webhook_id, **values)
            detail = values | ({"url": _host(url)} if url is not None else {})
            self._audit.record("webhook.edit", "webhook", webhook_id, **detail)
        if enabled is not None and enabled != before.enabled:
            self._set_webhook(webhook_id, enabled=enabled)
            action = "webhook.enable" if enabled else "webhook.disable"
            self._audit.record(action, "webhook", webhook_id)
        return self.get(webhook_id)

    def set_secret(self, webhook_id: int, secret: str) -> Webhook:
        """Sign with another secret from now on.

        Raises
        ------
        NotFoundError
            There is no such webhook.
        """
        webhook = self.get(webhook_id)
        self._set_webhook(webhook_id, secret=secret)
        self._audit.record("webhook.rotate_secret", "webhook", webhook_id)
        return webhook

    def remove(self, webhook_id: int) -> Webhook:
        """Remove a webhook with its secret; what is not delivered yet is given up.

        Raises
        ------
        NotFoundError
            There is no such webhook.
        """
        webhook = self.get(webhook_id)
        self._set_webhook(webhook_id, removed_at=self._now, secret=None, enabled=False)
        self._connection.execute(
            update(WebhookDeliveryRow)
            .where(
                WebhookDeliveryRow.webhook_id == webhook_id,
                WebhookDeliveryRow.next_attempt_at.is_not(None),
            )
            .values(next_attempt_at=None, dead_at=self._now, last_error="The webhook was removed.")
        )
        self._audit.record("webhook.remove", "webhook", webhook_id, host=_host(webhook.url))
        return webhook

    def ping(self, webhook_id: int) -> WebhookDelivery:
        """Write a test delivery for a webhook, whatever its events.

        Raises
        ------
        NotFoundError
            There is no such webhook.
        """
        webhook = self.get(webhook_id)
        [delivery_id] = self._outbox.enqueue(PING, {"webhook_id": webhook.id}, [webhook])
        self._audit.record("webhook.test", "webhook", webhook.id)
        return Deliveries(self._connection).get(delivery_id)

    def _set_webhook(self, webhook_id: int, **values: Any) -> None:
        statement = update(WebhookRow).where(WebhookRow.id == webhook_id)
        self._connection.execute(statement.values(values))


def _names(events: Iterable[WebhookEvent]) -> list[str]:
    names = sorted({event.value for event in events})
    if not names:
        raise InputError(f"Name at least one event: {', '.join(WebhookEvent)}.")
    return names


def _host(url: str | None) -> str | None:
    return urlsplit(url or "").hostname
