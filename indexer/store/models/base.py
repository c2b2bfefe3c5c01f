"""Declarative base: what all tables share."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, Integer, LargeBinary, MetaData, text
from sqlalchemy.orm import DeclarativeBase

from indexer.store.models.columns import AnyText, UtcDateTime

Id = BigInteger().with_variant(Integer, "sqlite")  # only INTEGER counts by itself in SQLite
Digest = LargeBinary(32)


class Base(DeclarativeBase):
    """What every table shares."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 -- SQLAlchemy's form
        datetime: UtcDateTime(),
        str: AnyText(),
    }


def index_while(name: str, condition: str, *columns: Any, unique: bool = False) -> Index:
    """Make an index over the rows that satisfy the condition, on both databases."""
    where = text(condition)
    return Index(name, *columns, unique=unique, sqlite_where=where, postgresql_where=where)
