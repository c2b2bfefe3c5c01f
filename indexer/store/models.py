"""The tables of the metadata database, the only source of truth.

Everything but the change log can be read from the log's point of view: a row that a view or a
running server must notice is written in the same transaction as its row of `changes`.
"""

from datetime import datetime
from typing import Any

from numpy import float32
from numpy.typing import NDArray
from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    literal_column,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from indexer.store.columns import AnyJson, AnyText, Embedding32, UtcDateTime

REVISION = "202611240001"
"""Revision of the newest migration: the schema that these models describe."""

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


class CatalogInfo(Base):
    """One row, written by the first migration: which log this is."""

    __tablename__ = "catalog_info"
    __table_args__ = (CheckConstraint("id = 1", "one_row"),)

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    log_id: Mapped[str] = mapped_column(String(36))


class SpaceRow(Base):
    """An embedding space; the first one registered is the active one."""

    __tablename__ = "spaces"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64), unique=True)
    model: Mapped[str]
    architecture: Mapped[str]
    dimension: Mapped[int]
    labels: Mapped[list[str]] = mapped_column(JSON)
    created_at: Mapped[datetime]


class ImageRow(Base):
    """One image, known by the SHA-256 of its bytes; a removed one keeps its row.

    Of a purged one only the proof is left: its id, its SHA-256 and when it was added, removed and
    purged.
    """

    __tablename__ = "images"
    __table_args__ = (
        CheckConstraint("length(sha256) = 32", "sha256_is_32_bytes"),
        CheckConstraint("length(pdq) = 32", "pdq_is_32_bytes"),
        CheckConstraint(
            "purged_at IS NOT NULL OR (md5 IS NOT NULL AND pdq IS NOT NULL "
            "AND pdq_quality IS NOT NULL AND width IS NOT NULL AND height IS NOT NULL "
            "AND format IS NOT NULL AND frame_count IS NOT NULL AND byte_size IS NOT NULL)",
            "complete_unless_purged",
        ),
        CheckConstraint("purged_at IS NULL OR removed_at IS NOT NULL", "purged_is_removed"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    sha256: Mapped[bytes] = mapped_column(Digest, unique=True)
    md5: Mapped[bytes | None] = mapped_column(LargeBinary(16))
    pdq: Mapped[bytes | None] = mapped_column(Digest)
    pdq_quality: Mapped[int | None] = mapped_column(SmallInteger)
    width: Mapped[int | None]
    height: Mapped[int | None]
    format: Mapped[str | None]
    frame_count: Mapped[int | None]
    byte_size: Mapped[int | None] = mapped_column(BigInteger)
    created_at: Mapped[datetime]
    removed_at: Mapped[datetime | None]
    purged_at: Mapped[datetime | None]


class SourceRow(Base):
    """Where an image was found; closed once the file is gone, changed or its image removed."""

    __tablename__ = "sources"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    image_id: Mapped[int] = mapped_column(ForeignKey("images.id"), index=True)
    uri: Mapped[str]
    uri_sha256: Mapped[bytes] = mapped_column(Digest)  # a path may be longer than an index allows
    size: Mapped[int | None] = mapped_column(BigInteger)
    version: Mapped[str]  # empty when unknown
    label: Mapped[str | None]
    uploader: Mapped[str | None]
    created_at: Mapped[datetime | None]  # as the manifest says
    free_metadata: Mapped[dict[str, Any] | None] = mapped_column(AnyJson)
    walk: Mapped[int | None] = mapped_column(BigInteger)  # mark of the last walk that found it
    first_seen_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]


class PartRow(Base):
    """A part of an image, beyond the whole first frame, which is part 0 and stands in `images`."""

    __tablename__ = "parts"
    __table_args__ = (
        CheckConstraint("part > 0", "part_is_not_the_whole"),
        CheckConstraint("kind IN ('frame', 'tile')", "kind"),
        CheckConstraint("length(pdq) = 32", "pdq_is_32_bytes"),
    )

    image_id: Mapped[int] = mapped_column(ForeignKey("images.id"), primary_key=True)
    part: Mapped[int] = mapped_column(Integer, primary_key=True)
    kind: Mapped[str] = mapped_column(String(8))
    number: Mapped[int]  # frame index, or the tile's number
    box: Mapped[list[int] | None] = mapped_column(JSON(none_as_null=True))
    pdq: Mapped[bytes] = mapped_column(Digest)
    pdq_quality: Mapped[int] = mapped_column(SmallInteger)


class EmbeddingRow(Base):
    """The vector of an image (part 0), or of one of its parts, in one space."""

    __tablename__ = "embeddings"

    image_id: Mapped[int] = mapped_column(ForeignKey("images.id"), primary_key=True)
    space_id: Mapped[int] = mapped_column(ForeignKey("spaces.id"), primary_key=True)
    part: Mapped[int] = mapped_column(Integer, primary_key=True, server_default=text("0"))
    vector: Mapped[NDArray[float32]] = mapped_column(Embedding32)


class ClassificationRow(Base):
    """The class probabilities that go with a vector, apart from it so that lists stay light."""

    __tablename__ = "classifications"

    image_id: Mapped[int] = mapped_column(ForeignKey("images.id"), primary_key=True)
    space_id: Mapped[int] = mapped_column(ForeignKey("spaces.id"), primary_key=True)
    part: Mapped[int] = mapped_column(Integer, primary_key=True, server_default=text("0"))
    top_label: Mapped[str] = mapped_column(index=True)
    probabilities: Mapped[dict[str, Any]] = mapped_column(JSON)


class BankRow(Base):
    """A named set of reference entries."""

    __tablename__ = "banks"
    __table_args__ = (CheckConstraint("kind IN ('block', 'allow')", "kind"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[str] = mapped_column(String(8))
    created_at: Mapped[datetime]


class EntryRow(Base):
    """One member of a bank; a removed one keeps its row."""

    __tablename__ = "entries"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    bank_id: Mapped[int] = mapped_column(ForeignKey("banks.id"))
    image_id: Mapped[int] = mapped_column(ForeignKey("images.id"), index=True)
    created_at: Mapped[datetime]
    removed_at: Mapped[datetime | None]


class ChangeRow(Base):
    """One row of the log; numbers run 1, 2, 3 in the order of the commits, without gaps."""

    __tablename__ = "changes"
    __table_args__ = (
        CheckConstraint("subject IN ('image', 'entry', 'bank')", "subject"),
        CheckConstraint("operation IN ('added', 'removed')", "operation"),
    )

    number: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    subject: Mapped[str] = mapped_column(String(8))
    subject_id: Mapped[int] = mapped_column(Id)
    operation: Mapped[str] = mapped_column(String(8))
    created_at: Mapped[datetime]


class QuarantineRow(Base):
    """A file that could not be indexed, and why."""

    __tablename__ = "quarantine"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    uri: Mapped[str]
    uri_sha256: Mapped[bytes] = mapped_column(Digest, unique=True)
    code: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str]
    first_seen_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]


def _unique_while(name: str, condition: str, *columns: Any) -> Index:
    """Make a unique index over the rows that satisfy the condition, on both databases."""
    where = text(condition)
    return Index(name, *columns, unique=True, sqlite_where=where, postgresql_where=where)


_unique_while("uq_sources_open_uri", "closed_at IS NULL", SourceRow.uri_sha256)
_unique_while("uq_entries_active", "removed_at IS NULL", EntryRow.bank_id, EntryRow.image_id)

OF_BANKS = ChangeRow.subject != literal_column("'image'")
"""Changes of banks and their entries; literal, so that the planner can prove its index fits."""

Index("ix_changes_of_banks", ChangeRow.number, sqlite_where=OF_BANKS, postgresql_where=OF_BANKS)
