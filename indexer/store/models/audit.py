"""The table of the audit log; triggers made by its migration let nothing but appending through."""

from datetime import datetime

from sqlalchemy import Index, SmallInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from indexer.store.models.base import Base, Digest, Id


class AuditRow(Base):
    """Something that was done or asked; numbers run 1, 2, 3 in the order of the commits."""

    __tablename__ = "audit"
    __table_args__ = (Index("ix_audit_subject", "subject", "subject_id"),)

    number: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    version: Mapped[int] = mapped_column(SmallInteger)
    at: Mapped[datetime]
    actor_kind: Mapped[str] = mapped_column(String(8))
    actor_name: Mapped[str]
    actor_address: Mapped[str | None]
    request_id: Mapped[str | None]
    action: Mapped[str]
    subject: Mapped[str]
    subject_id: Mapped[str | None]
    detail: Mapped[str]  # canonical JSON, exactly as it was hashed
    method: Mapped[str] = mapped_column(String(16))
    previous: Mapped[bytes] = mapped_column(Digest)
    hash: Mapped[bytes] = mapped_column(Digest)
