"""Making, changing and removing webhooks."""

from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import update

from indexer.errors import InputError, NotFoundError
from indexer.store.models import WebhookDeliveryRow, WebhookRow
from indexer.store.outbox import Outbox
from indexer.types import Webhook, WebhookDelivery, WebhookEvent


class WebhookEdits(Outbox):
    """What changes webhooks; `Writer` has the rest. The audit log has no secret and no URL."""

    def create_webhook(
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
        self._audit("webhook.create", "webhook", webhook_id, host=_host(url), events=names)
        return self.webhook(webhook_id)

    def edit_webhook(
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
        before = self.webhook(webhook_id)
        given: dict[str, Any] = {
            "url": url,
            "events": None if events is None else _names(events),
            "description": description,
        }
        values = {name: value for name, value in given.items() if value is not None}
        if values:
            self._set_webhook(webhook_id, **values)
            detail = values | ({"url": _host(url)} if url is not None else {})
            self._audit("webhook.edit", "webhook", webhook_id, **detail)
        if enabled is not None and enabled != before.enabled:
            self._set_webhook(webhook_id, enabled=enabled)
            action = "webhook.enable" if enabled else "webhook.disable"
            self._audit(action, "webhook", webhook_id)
        return self.webhook(webhook_id)

    def set_webhook_secret(self, webhook_id: int, secret: str) -> Webhook:
        """Sign with another secret from now on.

        Raises
        ------
        NotFoundError
            There is no such webhook.
        """
        webhook = self.webhook(webhook_id)
        self._set_webhook(webhook_id, secret=secret)
        self._audit("webhook.rotate_secret", "webhook", webhook_id)
        return webhook

    def remove_webhook(self, webhook_id: int) -> Webhook:
        """Remove a webhook with its secret; what is not delivered yet is given up.

        Raises
        ------
        NotFoundError
            There is no such webhook.
        """
        webhook = self.webhook(webhook_id)
        self._set_webhook(webhook_id, removed_at=self._now, secret=None, enabled=False)
        self._connection.execute(
            update(WebhookDeliveryRow)
            .where(
                WebhookDeliveryRow.webhook_id == webhook_id,
                WebhookDeliveryRow.next_attempt_at.is_not(None),
            )
            .values(next_attempt_at=None, dead_at=self._now, last_error="The webhook was removed.")
        )
        self._audit("webhook.remove", "webhook", webhook_id, host=_host(webhook.url))
        return webhook

    def retry_delivery(self, delivery_id: int, *, of: int | None = None) -> WebhookDelivery:
        """Let a delivery that was given up be tried again at once, with all its attempts.

        Raises
        ------
        NotFoundError
            There is no such delivery, or it is of another webhook than `of`, or that was removed.
        InputError
            It was delivered, or is to be tried anyway.
        """
        delivery = self.webhook_delivery(delivery_id)
        if of is not None and delivery.webhook_id != of:
            raise NotFoundError(f"Webhook {of} has no delivery {delivery_id}.")
        self.webhook(delivery.webhook_id)
        if delivery.dead_at is None:
            raise InputError(
                f"Delivery {delivery_id} is {delivery.state}: only one that was given up is tried "
                "again by hand."
            )
        self._connection.execute(
            update(WebhookDeliveryRow)
            .where(WebhookDeliveryRow.id == delivery_id)
            .values(next_attempt_at=self._now, dead_at=None, attempts=0)
        )
        self._audit("webhook.retry", "webhook", delivery.webhook_id, delivery=delivery_id)
        return self.webhook_delivery(delivery_id)

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
