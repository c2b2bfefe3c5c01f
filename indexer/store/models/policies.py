"""The tables of policies: their versions, and the verdicts that they are tested on."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from indexer.store.models.base import Base, Digest, Id
from indexer.store.models.columns import AnyJson


class PolicyRow(Base):
    """A version of the policy; a later one retires it."""

    __tablename__ = "policies"

    version: Mapped[int] = mapped_column(Id, primary_key=True)
    name: Mapped[str]
    document: Mapped[str]  # TOML
    created_at: Mapped[datetime]
    retired_at: Mapped[datetime | None]


class VerdictRow(Base):
    """The verdict on a picture as it was given; the oldest are deleted."""

    __tablename__ = "verdicts"
    __table_args__ = (
        CheckConstraint("length(query_sha256) = 32", "query_sha256_is_32_bytes"),
        CheckConstraint("tier IN ('exact', 'near_duplicate', 'lookalike', 'none')", "tier"),
        CheckConstraint("action IN ('allow', 'review', 'block')", "action"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    query_sha256: Mapped[bytes] = mapped_column(Digest, index=True)
    tier: Mapped[str] = mapped_column(String(16))
    evidence: Mapped[dict[str, Any]] = mapped_column(AnyJson)
    policy_version: Mapped[int | None] = mapped_column(ForeignKey("policies.version"))
    action: Mapped[str | None] = mapped_column(String(8))
    rule: Mapped[str | None]
