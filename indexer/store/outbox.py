"""Writing events into the outbox of webhooks, in the transaction of what happened."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import uuid4

from indexer.store.columns import plain_json
from indexer.store.edits import Edits
from indexer.store.models import WebhookDeliveryRow, WebhookRow
from indexer.types import PING, Webhook, WebhookDelivery, WebhookEvent


class Outbox(Edits):
    """What tells webhooks of events; `Writer` has the rest."""

    def ping_webhook(self, webhook_id: int) -> WebhookDelivery:
        """Write a test delivery for a webhook, whatever its events.

        Raises
        ------
        NotFoundError
            There is no such webhook.
        """
        webhook = self.webhook(webhook_id)
        [delivery_id] = self._enqueue(PING, {"webhook_id": webhook.id}, [webhook])
        self._audit("webhook.test", "webhook", webhook.id)
        return self.webhook_delivery(delivery_id)

    def _tell(self, event: WebhookEvent, data: Callable[[], Mapping[str, Any]]) -> None:
        """Write an event for each webhook that wants it; `data` is asked only if one does."""
        wanting = [
            webhook
            for webhook in self._webhooks_where(WebhookRow.enabled.is_(True))
            if event in webhook.events
        ]
        if wanting:
            self._enqueue(event.value, data(), wanting)

    def _enqueue(
        self, event: str, data: Mapping[str, Any], webhooks: Sequence[Webhook]
    ) -> list[int]:
        payload = {"type": event, "timestamp": self._now.isoformat(), "data": plain_json(data)}
        text = json.dumps(payload, separators=(",", ":"))  # ASCII: both databases hold it as it is
        return [
            self._insert_one(
                WebhookDeliveryRow,
                {
                    "webhook_id": webhook.id,
                    "message_id": f"msg_{uuid4().hex}",
                    "event": event,
                    "payload": text,
                    "created_at": self._now,
                    "attempts": 0,
                    "next_attempt_at": self._now,
                },
            )
            for webhook in webhooks
        ]
