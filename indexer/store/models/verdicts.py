"""The tables of verdicts: threshold cards, decisions, and past images that match new entries."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Float,
    ForeignKey,
    Integer,
    String,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from indexer.store.models.base import Base, Digest, Id


class ThresholdCardRow(Base):
    """A threshold with the calibration that chose it; a later one retires it."""

    __tablename__ = "threshold_cards"
    __table_args__ = (
        CheckConstraint("signal IN ('pdq', 'embedding', 'fused')", "signal"),
        CheckConstraint("tier IN ('near_duplicate', 'lookalike')", "tier"),
        CheckConstraint("unit IN ('upload', 'comparison')", "unit"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    space_id: Mapped[int | None] = mapped_column(ForeignKey("spaces.id"))  # none for pdq
    signal: Mapped[str] = mapped_column(String(16))
    tier: Mapped[str] = mapped_column(String(16))
    bank_id: Mapped[int | None] = mapped_column(ForeignKey("banks.id"))  # none for any bank
    value: Mapped[float] = mapped_column(Float)
    unit: Mapped[str] = mapped_column(String(16))  # what the rates are a share of
    target_rate: Mapped[float] = mapped_column(Float)
    false_positives: Mapped[int] = mapped_column(BigInteger)
    comparisons: Mapped[int] = mapped_column(BigInteger)
    rate_low: Mapped[float] = mapped_column(Float)
    rate_high: Mapped[float] = mapped_column(Float)
    source_count: Mapped[int | None] = mapped_column(BigInteger)  # none on older cards
    prediction_low: Mapped[float | None] = mapped_column(Float)  # of as many other sources
    prediction_high: Mapped[float | None] = mapped_column(Float)
    background: Mapped[str]  # what it was calibrated against
    background_images: Mapped[int] = mapped_column(BigInteger)
    reference_count: Mapped[int] = mapped_column(BigInteger)  # that each of them is compared with
    histogram: Mapped[dict[str, Any]] = mapped_column(JSON)
    created_at: Mapped[datetime]
    retired_at: Mapped[datetime | None]


class DecisionRow(Base):
    """An analyst's verdict on a query and what it matched: an entry, or an image of no bank."""

    __tablename__ = "decisions"
    __table_args__ = (
        CheckConstraint("length(query_sha256) = 32", "query_sha256_is_32_bytes"),
        CheckConstraint("length(query_pdq) = 32", "query_pdq_is_32_bytes"),
        CheckConstraint("outcome IN ('confirmed', 'rejected', 'escalated')", "outcome"),
        CheckConstraint("entry_id IS NOT NULL OR image_id IS NOT NULL", "of_something"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    query_sha256: Mapped[bytes] = mapped_column(Digest, index=True)
    query_pdq: Mapped[bytes | None] = mapped_column(Digest)
    entry_id: Mapped[int | None] = mapped_column(ForeignKey("entries.id"), index=True)
    image_id: Mapped[int | None] = mapped_column(ForeignKey("images.id"), index=True)
    outcome: Mapped[str] = mapped_column(String(16))
    tier: Mapped[str | None] = mapped_column(String(16))
    decided_by: Mapped[str | None] = mapped_column(String(16))
    analyst: Mapped[str | None]
    note: Mapped[str | None]
    created_at: Mapped[datetime]
    superseded_at: Mapped[datetime | None]


class RetroScanRow(Base):
    """A search of the gallery for what the new entries of a bank match, and how far it is."""

    __tablename__ = "retro_scans"
    __table_args__ = (CheckConstraint("state IN ('running', 'done')", "state"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    bank_id: Mapped[int | None] = mapped_column(ForeignKey("banks.id"))  # none for every bank
    space_id: Mapped[int] = mapped_column(ForeignKey("spaces.id"))
    first_entry_change: Mapped[int] = mapped_column(BigInteger)
    last_change: Mapped[int] = mapped_column(BigInteger)
    cursor: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(String(8))
    scanned: Mapped[int] = mapped_column(BigInteger)
    found: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class RetroMatchRow(Base):
    """A past image that a new entry matches."""

    __tablename__ = "retro_matches"
    __table_args__ = (UniqueConstraint("scan_id", "entry_id", "image_id"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    scan_id: Mapped[int] = mapped_column(ForeignKey("retro_scans.id"))
    entry_id: Mapped[int] = mapped_column(ForeignKey("entries.id"))
    image_id: Mapped[int] = mapped_column(ForeignKey("images.id"), index=True)
    tier: Mapped[str] = mapped_column(String(16))
    decided_by: Mapped[str] = mapped_column(String(16))
    similarity: Mapped[float | None] = mapped_column(Float)
    pdq_distance: Mapped[int | None] = mapped_column(Integer)
    threshold: Mapped[float | None] = mapped_column(Float)
    created_at: Mapped[datetime]
