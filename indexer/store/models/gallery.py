"""The tables of the gallery: images, where they were found, what the models said of them."""

from datetime import datetime
from typing import Any

from numpy import float32
from numpy.typing import NDArray
from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from indexer.store.models.base import Base, Digest, Id, index_while
from indexer.store.models.columns import AnyJson, Embedding16, Embedding32


class SpaceRow(Base):
    """An embedding space; the one activated last is the index's."""

    __tablename__ = "spaces"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64), unique=True)
    model: Mapped[str]
    architecture: Mapped[str]
    dimension: Mapped[int]
    labels: Mapped[list[str]] = mapped_column(JSON)
    classifier: Mapped[str | None]  # name and version; NULL is the network's own
    created_at: Mapped[datetime]
    activated_at: Mapped[datetime | None]  # NULL while it was never the index's, or was dropped
    semantic_space_id: Mapped[int | None] = mapped_column(ForeignKey("spaces.id"))


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
    md5: Mapped[bytes | None] = mapped_column(LargeBinary(16), index=True)
    pdq: Mapped[bytes | None] = mapped_column(Digest)
    pdq_quality: Mapped[int | None] = mapped_column(SmallInteger)
    width: Mapped[int | None]
    height: Mapped[int | None]
    format: Mapped[str | None]
    frame_count: Mapped[int | None]
    byte_size: Mapped[int | None] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(index=True)
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
        CheckConstraint("kind IN ('frame', 'tile', 'crop', 'variant')", "kind"),
        CheckConstraint("(kind = 'variant') = (recipe IS NOT NULL)", "variant_has_recipe"),
        CheckConstraint("length(pdq) = 32", "pdq_is_32_bytes"),
    )

    image_id: Mapped[int] = mapped_column(ForeignKey("images.id"), primary_key=True)
    part: Mapped[int] = mapped_column(Integer, primary_key=True)
    kind: Mapped[str] = mapped_column(String(8))
    number: Mapped[int]  # frame index, or the number of the tile, crop or variant
    box: Mapped[list[int] | None] = mapped_column(JSON(none_as_null=True))
    pdq: Mapped[bytes] = mapped_column(Digest)
    pdq_quality: Mapped[int] = mapped_column(SmallInteger)
    recipe: Mapped[str | None] = mapped_column(String(80))  # how a variant was made


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


class SemanticRow(Base):
    """The semantic embedding of an image, of its whole first frame, in a space of its own."""

    __tablename__ = "semantic_embeddings"

    image_id: Mapped[int] = mapped_column(ForeignKey("images.id"), primary_key=True)
    space_id: Mapped[int] = mapped_column(ForeignKey("spaces.id"), primary_key=True)
    vector: Mapped[NDArray[float32]] = mapped_column(Embedding16)


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


class ThumbnailRow(Base):
    """A small copy of an image, kept only where the settings allow it."""

    __tablename__ = "thumbnails"

    image_id: Mapped[int] = mapped_column(ForeignKey("images.id"), primary_key=True)
    jpeg: Mapped[bytes]


class LocalFeaturesRow(Base):
    """The local features of an image, kept only where the settings allow it."""

    __tablename__ = "local_features"

    image_id: Mapped[int] = mapped_column(ForeignKey("images.id"), primary_key=True)
    packed: Mapped[bytes]  # as verification.local_features packs them


index_while("uq_sources_open_uri", "closed_at IS NULL", SourceRow.uri_sha256, unique=True)
index_while("ix_sources_closed_uri", "closed_at IS NOT NULL", SourceRow.uri_sha256)
index_while("ix_parts_variants", "kind = 'variant'", PartRow.image_id)
index_while("ix_images_removed", "removed_at IS NOT NULL", ImageRow.id)
