"""The table of remembered answers to requests that changed something."""

from datetime import datetime

from sqlalchemy import CheckConstraint, String
from sqlalchemy.orm import Mapped, mapped_column

from indexer.store.models.base import Base, Digest


class AnswerRow(Base):
    """What a request was answered, by the key that its sender gave it."""

    __tablename__ = "answers"
    __table_args__ = (CheckConstraint("length(request_sha256) = 32", "request_sha256_is_32_bytes"),)

    caller: Mapped[str] = mapped_column(primary_key=True)  # keys of two callers never meet
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    request_sha256: Mapped[bytes] = mapped_column(Digest)
    status: Mapped[int]
    body: Mapped[bytes]
    created_at: Mapped[datetime] = mapped_column(index=True)
