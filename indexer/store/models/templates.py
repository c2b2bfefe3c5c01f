"""The tables of templates: frames that many images share."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, SmallInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from indexer.store.models.base import Base, Digest, Id


class TemplateRow(Base):
    """A frame that recurs in images of unrelated content."""

    __tablename__ = "templates"
    __table_args__ = (
        CheckConstraint("state IN ('found', 'confirmed', 'rejected')", "state"),
        CheckConstraint("length(mask) = 32", "mask_is_32_bytes"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    state: Mapped[str] = mapped_column(String(16))
    mask: Mapped[bytes] = mapped_column(Digest)  # 16 x 16 bits, row by row: 1 where the frame is
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class TemplateMemberRow(Base):
    """An image that has the frame of a template; removing the image removes this."""

    __tablename__ = "template_members"

    image_id: Mapped[int] = mapped_column(ForeignKey("images.id"), primary_key=True)
    template_id: Mapped[int] = mapped_column(ForeignKey("templates.id"), index=True)


class TemplateLearningRow(Base):
    """One row, once templates were learned: how much of the log was looked at for it."""

    __tablename__ = "template_learning"
    __table_args__ = (CheckConstraint("id = 1", "one_row"),)

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    watermark: Mapped[int] = mapped_column(Id)  # number of the last change
