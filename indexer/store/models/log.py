"""The tables of the log: its identity and its changes."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, SmallInteger, String, literal_column
from sqlalchemy.orm import Mapped, mapped_column

from indexer.store.models.base import Base, Id


class CatalogInfo(Base):
    """One row, written by the first migration: which log this is."""

    __tablename__ = "catalog_info"
    __table_args__ = (CheckConstraint("id = 1", "one_row"),)

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    log_id: Mapped[str] = mapped_column(String(36))


class ChangeRow(Base):
    """One row of the log; numbers run 1, 2, 3 in the order of the commits, without gaps."""

    __tablename__ = "changes"
    __table_args__ = (
        CheckConstraint("subject IN ('image', 'entry', 'bank')", "subject"),
        CheckConstraint("operation IN ('added', 'changed', 'removed')", "operation"),
    )

    number: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    subject: Mapped[str] = mapped_column(String(8))
    subject_id: Mapped[int] = mapped_column(Id)
    operation: Mapped[str] = mapped_column(String(8))
    created_at: Mapped[datetime]


OF_BANKS = ChangeRow.subject != literal_column("'image'")
"""Changes of banks and their entries; literal, so that the planner can prove its index fits."""

Index("ix_changes_of_banks", ChangeRow.number, sqlite_where=OF_BANKS, postgresql_where=OF_BANKS)
