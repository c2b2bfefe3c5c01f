"""Transactional outbox of webhooks."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import uuid4

from indexer.store.edits import Edits
from indexer.store.models import WebhookDeliveryRow
from indexer.store.models.columns import plain_json
from indexer.store.webhooks.webhooks import Webhooks
from indexer.types import Webhook, WebhookEvent


class Outbox(Edits):
    """The outbox within a writing transaction."""

    def emit(self, event: WebhookEvent, data: Callable[[], Mapping[str, Any]]) -> None:
        """Write an event for each webhook that wants it; `data` is asked only if one does."""
        if wanting := Webhooks(self._connection).wanting(event):
            self.enqueue(event.value, data(), wanting)

    def enqueue(
        self, event: str, data: Mapping[str, Any], webhooks: Sequence[Webhook]
    ) -> list[int]:
        """Write an event for each of some webhooks; return the ids of the deliveries."""
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
