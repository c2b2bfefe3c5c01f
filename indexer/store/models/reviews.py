"""The tables of reviews: what people looked at, and what they are to decide."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Float,
    ForeignKey,
    Index,
    SmallInteger,
    String,
    false,
)
from sqlalchemy.orm import Mapped, mapped_column

from indexer.store.models.base import Base, Digest, Id, index_while
from indexer.store.models.columns import AnyJson


class RevealRow(Base):
    """That a person looked at a picture without its veil."""

    __tablename__ = "reveals"
    __table_args__ = (Index("ix_reveals_person", "person", "created_at"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    person: Mapped[str] = mapped_column(String(64))
    name: Mapped[str]
    image_id: Mapped[int | None] = mapped_column(ForeignKey("images.id"), index=True)
    review_id: Mapped[int | None] = mapped_column(BigInteger)  # the item of an upload
    reason: Mapped[str]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    seconds: Mapped[float | None] = mapped_column(Float)


class ReviewItemRow(Base):
    """Something for a person to decide, and what came of it."""

    __tablename__ = "review_items"
    __table_args__ = (
        CheckConstraint(
            "queue IN ('retro_match', 'flood', 'cluster_alert', 'disagreement', 'uncertain', "
            "'second_signature', 'escalation')",
            "queue",
        ),
        CheckConstraint("state IN ('open', 'decided', 'dismissed')", "state"),
        CheckConstraint("severity IN ('low', 'medium', 'high', 'critical')", "severity"),
        CheckConstraint("outcome IN ('confirmed', 'rejected', 'escalated')", "outcome"),
        CheckConstraint("length(query_sha256) = 32", "query_sha256_is_32_bytes"),
        Index("ix_review_items_query", "query_sha256", "entry_id"),
        Index("ix_review_items_decided", "decided_by", "decided_at"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    queue: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(16))
    rank: Mapped[int] = mapped_column(SmallInteger)  # 0 for the gravest
    query_sha256: Mapped[bytes | None] = mapped_column(Digest)
    image_id: Mapped[int | None] = mapped_column(ForeignKey("images.id"), index=True)
    flood_id: Mapped[int | None] = mapped_column(ForeignKey("flood_flags.id"), index=True)
    cluster_id: Mapped[int | None] = mapped_column(ForeignKey("clusters.id"), index=True)
    entry_id: Mapped[int | None] = mapped_column(ForeignKey("entries.id"), index=True)
    match_image_id: Mapped[int | None] = mapped_column(ForeignKey("images.id"))
    bank_id: Mapped[int | None] = mapped_column(ForeignKey("banks.id"))
    severity: Mapped[str | None] = mapped_column(String(8))  # of the bank, when it was made
    evidence: Mapped[dict[str, Any]] = mapped_column(AnyJson, nullable=True)
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("review_items.id"), index=True)
    root_id: Mapped[int | None] = mapped_column(  # of its picture
        ForeignKey("review_items.id"), index=True
    )
    not_for: Mapped[str | None] = mapped_column(String(64))  # person who must not decide it
    created_at: Mapped[datetime]
    due_at: Mapped[datetime]  # its place in the queue; skipping moves it to the end
    leased_by: Mapped[str | None] = mapped_column(String(64))
    lease_expires_at: Mapped[datetime | None]
    outcome: Mapped[str | None] = mapped_column(String(16))
    reason: Mapped[str | None]
    note: Mapped[str | None]
    decided_by: Mapped[str | None] = mapped_column(String(64))
    decided_at: Mapped[datetime | None]
    decision_id: Mapped[int | None] = mapped_column(ForeignKey("decisions.id"), index=True)
    superseded_id: Mapped[int | None] = mapped_column(ForeignKey("decisions.id"))
    dismissed_by: Mapped[int | None] = mapped_column(ForeignKey("decisions.id"), index=True)
    act: Mapped[dict[str, Any]] = mapped_column(AnyJson, nullable=True)  # what else was asked for
    flood_state: Mapped[str | None] = mapped_column(String(16))  # of the flag, before
    awaits_signature: Mapped[bool] = mapped_column(server_default=false())


class ReviewPictureRow(Base):
    """A small copy of an upload, kept while it is reviewed."""

    __tablename__ = "review_pictures"

    item_id: Mapped[int] = mapped_column(ForeignKey("review_items.id"), primary_key=True)
    jpeg: Mapped[bytes]


index_while(
    "ix_review_items_open",
    "state = 'open'",
    ReviewItemRow.queue,
    ReviewItemRow.rank,
    ReviewItemRow.due_at,
    ReviewItemRow.id,
)
index_while(
    "ix_review_items_waiting",  # items of a bank, and counts without a look at the table
    "state = 'open'",
    ReviewItemRow.queue,
    ReviewItemRow.bank_id,
    ReviewItemRow.rank,
    ReviewItemRow.due_at,
    ReviewItemRow.id,
    ReviewItemRow.severity,
    ReviewItemRow.created_at,
    ReviewItemRow.lease_expires_at,
)
index_while("ix_review_items_leased_by", "leased_by IS NOT NULL", ReviewItemRow.leased_by)
