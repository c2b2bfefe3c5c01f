"""The tables of what other systems' consoles say of banks, signal types and contents."""

from typing import Any

from sqlalchemy import JSON, CheckConstraint, Float, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from indexer.store.models.base import Base


class BankRatioRow(Base):
    """The share of sampled lookups that a bank takes part in; all of them without a row."""

    __tablename__ = "bank_ratios"
    __table_args__ = (CheckConstraint("ratio > 0 AND ratio <= 1", "ratio_is_a_share"),)

    bank_id: Mapped[int] = mapped_column(ForeignKey("banks.id"), primary_key=True)
    ratio: Mapped[float] = mapped_column(Float)


class SignalTypeRow(Base):
    """The share that is set for a signal type; 1 without a row, and 0 switches it off."""

    __tablename__ = "signal_types"
    __table_args__ = (CheckConstraint("ratio >= 0 AND ratio <= 1", "ratio_is_a_share"),)

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    ratio: Mapped[float] = mapped_column(Float)


class ContentRow(Base):
    """That an entry belongs to a content, and what is said of the content.

    An entry without a row is a content of its own, of which nothing is said. What is said stands in
    the row of the entry whose id is the content's.
    """

    __tablename__ = "contents"

    entry_id: Mapped[int] = mapped_column(ForeignKey("entries.id"), primary_key=True)
    content_id: Mapped[int] = mapped_column(ForeignKey("entries.id"), index=True)
    named: Mapped[str | None]  # what whoever added it calls it
    uri: Mapped[str | None]  # where they keep it
    details: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
