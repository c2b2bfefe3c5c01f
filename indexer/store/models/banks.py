"""The tables of the banks: their entries, and how often those match."""

from datetime import datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Float,
    ForeignKey,
    LargeBinary,
    String,
    true,
)
from sqlalchemy.orm import Mapped, mapped_column

from indexer.store.models.base import Base, Id, index_while


class BankRow(Base):
    """A named set of reference entries; a removed one keeps its row, and its name is free again."""

    __tablename__ = "banks"
    __table_args__ = (
        CheckConstraint("kind IN ('block', 'allow')", "kind"),
        CheckConstraint("severity IN ('low', 'medium', 'high', 'critical')", "severity"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    name: Mapped[str]
    kind: Mapped[str] = mapped_column(String(8))
    category: Mapped[str | None]
    severity: Mapped[str | None] = mapped_column(String(8))
    notes: Mapped[str | None]
    owner: Mapped[str | None]
    enabled: Mapped[bool] = mapped_column(server_default=true())
    created_at: Mapped[datetime]
    removed_at: Mapped[datetime | None]


class EntryRow(Base):
    """One member of a bank: an image, or a bare fingerprint. A removed one keeps its row.

    Such a row is the tombstone of what a list gave us: importing the list again does not bring an
    entry back that a person removed.
    """

    __tablename__ = "entries"
    __table_args__ = (
        CheckConstraint("(image_id IS NULL) <> (fingerprint IS NULL)", "image_or_fingerprint"),
        CheckConstraint(
            "(fingerprint_kind IS NULL) = (fingerprint IS NULL)", "fingerprint_has_a_kind"
        ),
        CheckConstraint("fingerprint_kind IN ('sha256', 'md5', 'pdq')", "fingerprint_kind"),
        CheckConstraint(
            "length(fingerprint) = CASE fingerprint_kind WHEN 'md5' THEN 16 ELSE 32 END",
            "fingerprint_is_whole",
        ),
        CheckConstraint("disabled_reason IN ('by hand', 'flood')", "disabled_reason"),
        CheckConstraint("removed_by IN ('user', 'source')", "removed_by"),
        CheckConstraint("(removed_by IS NULL) = (removed_at IS NULL)", "removed_by_someone"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    bank_id: Mapped[int] = mapped_column(ForeignKey("banks.id"))
    image_id: Mapped[int | None] = mapped_column(ForeignKey("images.id"), index=True)
    fingerprint_kind: Mapped[str | None] = mapped_column(String(8))
    fingerprint: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    source: Mapped[str | None]  # the list that it came from
    external_id: Mapped[str | None]  # what the list calls it; short, for an index holds it
    notes: Mapped[str | None]
    labels: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    disabled_until: Mapped[datetime | None]  # the year 9999: until it is enabled again
    disabled_reason: Mapped[str | None] = mapped_column(String(8))
    created_at: Mapped[datetime] = mapped_column(index=True)
    removed_at: Mapped[datetime | None]
    removed_by: Mapped[str | None] = mapped_column(String(8))


class EntryHitsRow(Base):
    """How often one entry matched within one hour."""

    __tablename__ = "entry_hits"

    entry_id: Mapped[int] = mapped_column(ForeignKey("entries.id"), primary_key=True)
    hour: Mapped[datetime] = mapped_column(primary_key=True, index=True)  # its beginning
    hits: Mapped[int] = mapped_column(BigInteger)


class FloodFlagRow(Base):
    """That an entry matched far more than its history lets expect, and what was done about it."""

    __tablename__ = "flood_flags"
    __table_args__ = (CheckConstraint("state IN ('open', 'quarantined', 'dismissed')", "state"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    entry_id: Mapped[int] = mapped_column(ForeignKey("entries.id"), index=True)
    flagged_at: Mapped[datetime]
    window_start: Mapped[datetime]
    hits: Mapped[int] = mapped_column(BigInteger)
    expected: Mapped[float] = mapped_column(Float)
    state: Mapped[str] = mapped_column(String(16))
    resolved_at: Mapped[datetime | None]


_ACTIVE = "removed_at IS NULL"

index_while("uq_banks_active_name", _ACTIVE, BankRow.name, unique=True)
index_while("uq_entries_active", _ACTIVE, EntryRow.bank_id, EntryRow.image_id, unique=True)
index_while("ix_entries_of_bank", _ACTIVE, EntryRow.bank_id, EntryRow.id)
index_while(
    "uq_entries_of_source",  # of removed ones, too: they are the tombstones
    "source IS NOT NULL",
    EntryRow.bank_id,
    EntryRow.source,
    EntryRow.external_id,
    EntryRow.fingerprint_kind,
    unique=True,
)
index_while(
    "uq_entries_fingerprint_of_no_source",
    f"{_ACTIVE} AND source IS NULL AND fingerprint IS NOT NULL",
    EntryRow.bank_id,
    EntryRow.fingerprint_kind,
    EntryRow.fingerprint,
    unique=True,
)
index_while(
    "ix_entries_fingerprint",
    f"{_ACTIVE} AND fingerprint IS NOT NULL",
    EntryRow.fingerprint_kind,
    EntryRow.fingerprint,
)
index_while("ix_entries_disabled_until", "disabled_until IS NOT NULL", EntryRow.disabled_until)
