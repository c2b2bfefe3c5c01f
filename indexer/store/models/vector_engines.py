"""The table of the vector engines: what each of them holds of the log."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, String
from sqlalchemy.orm import Mapped, mapped_column

from indexer.store.models.base import Base


class EngineRow(Base):
    """A collection of an engine; rows of one address have one state."""

    __tablename__ = "vector_engines"
    __table_args__ = (CheckConstraint("state IN ('joining', 'active', 'former')", "state"),)

    address: Mapped[str] = mapped_column(String(512), primary_key=True)  # without credentials
    collection: Mapped[str] = mapped_column(String(64), primary_key=True)
    state: Mapped[str] = mapped_column(String(8))
    watermark: Mapped[int] = mapped_column(BigInteger)  # last change that it has acknowledged
    vectors: Mapped[int] = mapped_column(BigInteger)  # counted when that was written
    recall: Mapped[float | None]  # as measured last
    recall_queries: Mapped[int | None]
    updated_at: Mapped[datetime]
