"""The tables of people: what each has of their own in the console."""

from datetime import datetime
from typing import Any

from sqlalchemy import String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from indexer.store.models.base import Base, Id
from indexer.store.models.columns import AnyJson


class PersonalSettingsRow(Base):
    """A person's settings of the console."""

    __tablename__ = "personal_settings"

    person: Mapped[str] = mapped_column(String(64), primary_key=True)
    settings: Mapped[dict[str, Any]] = mapped_column(AnyJson, nullable=True)


class SavedViewRow(Base):
    """A list with its filters that a person saved."""

    __tablename__ = "saved_views"
    __table_args__ = (UniqueConstraint("person", "screen", "name"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    person: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(100))
    screen: Mapped[str] = mapped_column(String(64))
    query: Mapped[str]
    created_at: Mapped[datetime]
