"""The tables of reviews: what people looked at, and what they are to decide."""

from datetime import datetime

from sqlalchemy import Float, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from indexer.store.models.base import Base, Id


class RevealRow(Base):
    """That a person looked at a picture without its veil."""

    __tablename__ = "reveals"
    __table_args__ = (Index("ix_reveals_person", "person", "created_at"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    person: Mapped[str] = mapped_column(String(64))
    name: Mapped[str]
    image_id: Mapped[int | None] = mapped_column(ForeignKey("images.id"), index=True)
    reason: Mapped[str]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    seconds: Mapped[float | None] = mapped_column(Float)
