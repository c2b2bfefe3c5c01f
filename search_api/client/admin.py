"""Client methods for administrators: keys, webhooks, audit log."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from indexer.types import (
    ApiKey,
    AuditEntry,
    AuditHead,
    CreatedKey,
    DeliveryState,
    Scope,
    Webhook,
    WebhookDelivery,
    WebhookEvent,
    WebhookSecret,
)
from search_api.client.transport import Transport, said


class AdminCalls:
    """The methods of `Lookalike` that take a key of scope admin.

    What makes a secret, or sends a test, is never sent twice: if its answer gets lost, look at the
    list before you ask again.
    """

    _transport: Transport

    def create_key(
        self,
        name: str,
        scopes: Sequence[Scope],
        *,
        expires_at: datetime | None = None,
        requests_per_second: float | None = None,
    ) -> CreatedKey:
        """Make a key; its token is in this answer and nowhere else."""
        body = {
            "name": name,
            "scopes": [str(scope) for scope in scopes],
            "expires_at": expires_at.isoformat() if expires_at else None,
            "requests_per_second": requests_per_second,
        }
        return self._transport.once("POST", "/v1/keys", CreatedKey, json=body)

    def keys(self, *, limit: int = 100) -> Iterator[ApiKey]:
        """Yield the keys, oldest first, those that work no longer included."""
        return self._transport.pages("/v1/keys", ApiKey, limit=limit)

    def revoke_key(self, key_id: int) -> ApiKey:
        """Let a key and its sessions work no longer."""
        return self._transport.ask("POST", f"/v1/keys/{key_id}/revoke", ApiKey)

    def create_webhook(
        self, url: str, events: Sequence[WebhookEvent], description: str | None = None
    ) -> WebhookSecret:
        """Make a webhook; its secret is in this answer and nowhere else."""
        body = {
            "url": url,
            "events": [str(event) for event in events],
            "description": description,
        }
        return self._transport.once("POST", "/v1/webhooks", WebhookSecret, json=body)

    def webhooks(self, *, limit: int = 100) -> Iterator[Webhook]:
        """Yield the webhooks, oldest first."""
        return self._transport.pages("/v1/webhooks", Webhook, limit=limit)

    def webhook(self, webhook_id: int) -> Webhook:
        """Return one webhook."""
        return self._transport.ask("GET", _webhook(webhook_id), Webhook)

    def edit_webhook(
        self,
        webhook_id: int,
        *,
        url: str | None = None,
        events: Sequence[WebhookEvent] | None = None,
        description: str | None = None,
        enabled: bool | None = None,
    ) -> Webhook:
        """Change what is given of a webhook."""
        wanted = {
            "url": url,
            "events": None if events is None else [str(event) for event in events],
            "description": description,
            "enabled": enabled,
        }
        body = {name: value for name, value in wanted.items() if value is not None}
        return self._transport.ask("PATCH", _webhook(webhook_id), Webhook, json=body)

    def remove_webhook(self, webhook_id: int) -> Webhook:
        """Remove a webhook; what is not delivered yet is given up."""
        return self._transport.once("DELETE", _webhook(webhook_id), Webhook)

    def rotate_webhook_secret(self, webhook_id: int) -> WebhookSecret:
        """Give a webhook another secret, for its next delivery on."""
        path = f"{_webhook(webhook_id)}/rotate-secret"
        return self._transport.once("POST", path, WebhookSecret)

    def test_webhook(self, webhook_id: int) -> WebhookDelivery:
        """Send an event `ping`; `webhook_deliveries` says how it went."""
        return self._transport.once("POST", f"{_webhook(webhook_id)}/test", WebhookDelivery)

    def webhook_deliveries(
        self, webhook_id: int, state: DeliveryState | None = None, *, limit: int = 100
    ) -> Iterator[WebhookDelivery]:
        """Yield the deliveries to a webhook, oldest first."""
        path = f"{_webhook(webhook_id)}/deliveries"
        return self._transport.pages(path, WebhookDelivery, state=state, limit=limit)

    def retry_webhook_delivery(self, webhook_id: int, delivery_id: int) -> WebhookDelivery:
        """Try a dead delivery again at once, and as often as a new one."""
        path = f"{_webhook(webhook_id)}/deliveries/{delivery_id}/retry"
        return self._transport.once("POST", path, WebhookDelivery)

    def audit(
        self,
        *,
        action: str | None = None,
        actor: str | None = None,
        subject: str | None = None,
        since: datetime | None = None,
        newest_first: bool = False,
        limit: int = 100,
    ) -> Iterator[AuditEntry]:
        """Yield the audit log, oldest first if not asked otherwise."""
        only = said(
            {
                "action": action,
                "actor": actor,
                "subject": subject,
                "since": since.isoformat() if since else None,
                "newest_first": newest_first or None,
            }
        )
        return self._transport.pages("/v1/audit", AuditEntry, limit=limit, **only)

    def audit_head(self) -> AuditHead:
        """Return the end of the audit log: kept elsewhere, it proves that none is gone."""
        return self._transport.ask("GET", "/v1/audit/head", AuditHead)


def _webhook(webhook_id: int) -> str:
    return f"/v1/webhooks/{webhook_id}"
