"""Stored images, as they are read and shown."""

from dataclasses import dataclass
from datetime import datetime
from typing import Self

from indexer.types.arrays import Embeddings
from indexer.types.banks import Entry
from indexer.types.described import described
from indexer.types.pictures import Pdq, StoredPart


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """What the catalog holds of one active image."""

    id: int
    sha256: bytes
    md5: bytes
    pdq: Pdq
    width: int
    height: int
    format: str
    frame_count: int
    byte_size: int
    created_at: datetime
    sources: tuple[str, ...]  # oldest first
    entries: tuple[Entry, ...]
    embedding: Embeddings | None  # (d,) float32 in the space asked for
    probabilities: dict[str, float]  # by label, in the space asked for
    parts: tuple[StoredPart, ...] = ()  # read together with the embedding only


@described
@dataclass(frozen=True, slots=True)
class ImageSummary:
    """A stored image as people and clients see it."""

    image_id: int
    """The stored image."""
    sha256: str
    """SHA-256 of its bytes, hexadecimal."""
    md5: str
    """MD5 of its bytes, hexadecimal."""
    pdq: str
    """PDQ, hexadecimal."""
    pdq_quality: int
    """0 to 100."""
    width: int
    """Pixels, after the EXIF orientation was applied."""
    height: int
    """Pixels, after the EXIF orientation was applied."""
    format: str
    """File format, such as JPEG."""
    frame_count: int
    """1 for a still picture."""
    byte_size: int
    """Size of the file in bytes."""
    created_at: datetime
    """When it was first indexed."""
    sources: tuple[str, ...]
    """Where it was found, oldest first."""
    entries: tuple[Entry, ...]
    """The bank entries that it is."""
    probabilities: dict[str, float]
    """The model's class probabilities by label."""

    @classmethod
    def of(cls, record: ImageRecord) -> Self:
        """Leave the embedding out and write the fingerprints in hexadecimal."""
        return cls(
            image_id=record.id,
            sha256=record.sha256.hex(),
            md5=record.md5.hex(),
            pdq=record.pdq.bits.hex(),
            pdq_quality=record.pdq.quality,
            width=record.width,
            height=record.height,
            format=record.format,
            frame_count=record.frame_count,
            byte_size=record.byte_size,
            created_at=record.created_at,
            sources=record.sources,
            entries=record.entries,
            probabilities=record.probabilities,
        )
