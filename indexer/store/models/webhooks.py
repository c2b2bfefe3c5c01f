"""The tables of webhooks: who is told of events, and the outbox of what is to be delivered."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, Integer, String, text
from sqlalchemy.orm import Mapped, mapped_column

from indexer.store.models.base import Base, Id


class WebhookRow(Base):
    """A receiver of events; a removed one stays for the sake of its deliveries."""

    __tablename__ = "webhooks"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    url: Mapped[str]
    events: Mapped[list[Any]] = mapped_column(JSON)
    secret: Mapped[str | None]  # readable, for signing takes it; none once removed
    description: Mapped[str | None]
    enabled: Mapped[bool]
    created_at: Mapped[datetime]
    removed_at: Mapped[datetime | None]


class WebhookDeliveryRow(Base):
    """An event for a webhook, written in the transaction of what happened."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        Index(
            "ix_webhook_deliveries_due",
            "next_attempt_at",
            sqlite_where=text("next_attempt_at IS NOT NULL"),
            postgresql_where=text("next_attempt_at IS NOT NULL"),
        ),
        Index("ix_webhook_deliveries_of_webhook", "webhook_id", "id"),
        Index(
            "ix_webhook_deliveries_dead",
            "webhook_id",
            "id",
            sqlite_where=text("dead_at IS NOT NULL"),
            postgresql_where=text("dead_at IS NOT NULL"),
        ),
        Index(
            "ix_webhook_deliveries_delivered",
            "delivered_at",
            sqlite_where=text("delivered_at IS NOT NULL"),
            postgresql_where=text("delivered_at IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    webhook_id: Mapped[int] = mapped_column(ForeignKey("webhooks.id"))
    message_id: Mapped[str] = mapped_column(String(64))
    event: Mapped[str] = mapped_column(String(32))
    payload: Mapped[str]  # JSON, exactly as it is sent
    created_at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(Integer)
    next_attempt_at: Mapped[datetime | None]  # that of a claimed one is where its lease ends
    delivered_at: Mapped[datetime | None]
    dead_at: Mapped[datetime | None]
    last_status: Mapped[int | None] = mapped_column(Integer)
    last_error: Mapped[str | None]
