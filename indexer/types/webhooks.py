"""Webhooks and their deliveries."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from indexer.types.described import described


class WebhookEvent(StrEnum):
    """What a webhook can be told of."""

    RETRO_MATCH = "retro_match"  # a retro-scan has found past images
    FLOOD_FLAG = "flood_flag"  # an entry suddenly matches far more than before


PING = "ping"
"""The event of a test delivery, which every webhook takes."""


class DeliveryState(StrEnum):
    """What became of a delivery."""

    PENDING = "pending"  # to be tried, or tried again
    DELIVERED = "delivered"
    DEAD = "dead"  # given up; it can be tried again by hand


@described
@dataclass(frozen=True, slots=True)
class Webhook:
    """A receiver of events; its secret is never shown with it."""

    id: int
    """Rises with time."""
    url: str
    """Where events are sent to."""
    events: tuple[WebhookEvent, ...]
    """What it is told of."""
    description: str | None
    """What it is for."""
    enabled: bool
    """Whether events are sent; while it is disabled none are kept for it, either."""
    created_at: datetime
    """When it was made."""


@described
@dataclass(frozen=True, slots=True)
class WebhookSecret:
    """A webhook with the secret that it was just given."""

    webhook: Webhook
    """The webhook."""
    secret: str = field(repr=False)
    """What its receiver checks signatures with; it is not shown again."""


@described
@dataclass(frozen=True, slots=True)
class WebhookDelivery:
    """One event for one webhook, and how far its delivery is."""

    id: int
    """Rises with time."""
    webhook_id: int
    """Whom it is for."""
    message_id: str
    """What the receiver gets as `webhook-id`, the same at every attempt."""
    event: str
    """retro_match, flood_flag or ping."""
    state: DeliveryState
    """pending, delivered or dead."""
    created_at: datetime
    """When it happened."""
    attempts: int
    """Attempts begun."""
    next_attempt_at: datetime | None
    """When it is tried next, at the earliest; null once it is delivered or dead."""
    delivered_at: datetime | None
    """When the receiver took it."""
    dead_at: datetime | None
    """When it was given up."""
    last_status: int | None
    """HTTP status of the last answer; null if none came."""
    last_error: str | None
    """Why the last attempt failed."""


@dataclass(frozen=True, slots=True)
class ClaimedDelivery:
    """A delivery that is ours to attempt, with all that this takes."""

    id: int
    webhook_id: int
    message_id: str
    url: str
    secret: str
    payload: str  # JSON, sent as it is
    attempts: int  # this one included: whoever has begun a later one has taken it over
