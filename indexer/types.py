"""Values that travel between the layers; all frozen, none with behaviour beyond making itself."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

Rgb = NDArray[np.uint8]
"""Pixels, (height, width, 3) uint8, upright, sRGB as stored, no alpha."""
Embeddings = NDArray[np.float32]
"""(n, d) float32, unit rows."""
Probabilities = NDArray[np.float32]
"""(n, classes) float32, in the order of the model card's labels."""
PdqBits = NDArray[np.uint8]
"""(n, 32) uint8: 256 bits a row, packed big-endian as PDQ's hex notation writes them."""
Vectors = NDArray[Any]
"""(n, d) float32 unit rows, or (n, 32) uint8 packed bits: what one view holds."""
Keys = NDArray[np.int64]
"""(n,) int64 image ids; a key repeats where one image has several vectors."""


class Tier(StrEnum):
    """How close a match is, strongest first."""

    EXACT = "exact"
    NEAR_DUPLICATE = "near_duplicate"
    LOOKALIKE = "lookalike"
    NONE = "none"


class Signal(StrEnum):
    """What decided a match."""

    SHA256 = "sha256"
    PDQ = "pdq"
    EMBEDDING = "embedding"


class BankKind(StrEnum):
    """Whether a bank accuses or excuses."""

    BLOCK = "block"
    ALLOW = "allow"


class PartKind(StrEnum):
    """What a part of an image is."""

    FRAME = "frame"
    TILE = "tile"


@dataclass(frozen=True, slots=True)
class DecodedImage:
    """One picture, decoded once."""

    rgb: Rgb  # the whole picture, or a JPEG at half its size where the caller asked for less
    width: int  # pixels of the whole picture, upright
    height: int
    format: str  # Pillow's name, such as JPEG
    frame_count: int  # 1 for a still picture; `rgb` is the first frame


@dataclass(frozen=True, slots=True)
class Pdq:
    """A PDQ fingerprint (Meta, ThreatExchange): 256 bits and how much to trust them."""

    bits: bytes  # 32 bytes, in the order of PDQ's hex notation
    quality: int  # 0 to 100; below about 50 the picture is too flat to hash


@dataclass(frozen=True, slots=True)
class Encoding:
    """What one forward pass gives for n images."""

    probabilities: Probabilities
    embeddings: Embeddings


@dataclass(frozen=True, slots=True)
class Space:
    """An embedding space that the catalog knows: the model that makes its vectors."""

    id: int
    fingerprint: str  # 64 hex digits
    model: str  # the reference that loads it: a directory or hf-hub:owner/name
    dimension: int
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of an image that is matched on its own: a later frame, or a tile."""

    __pydantic_config__ = {"use_attribute_docstrings": True}  # noqa: RUF012 -- pydantic's name and form

    kind: PartKind
    """frame or tile."""
    number: int
    """The frame's index in the file, 0 for the first; or the tile's number."""
    box: tuple[int, int, int, int] | None
    """Left, top, width, height in pixels of the upright picture; null for a whole frame."""


@dataclass(frozen=True, slots=True)
class NewPart:
    """A part ready to be written: its fingerprint and what the model said."""

    part: Part
    pdq: Pdq
    embedding: Embeddings  # (d,) float32, unit length
    probabilities: Probabilities  # (classes,) float32


@dataclass(frozen=True, slots=True)
class StoredPart:
    """What the catalog holds of one part."""

    part: Part
    pdq: Pdq
    embedding: Embeddings | None  # (d,) float32 in the space asked for
    probabilities: dict[str, float]  # by label, in the space asked for


@dataclass(frozen=True, slots=True)
class NewImage:
    """An image ready to be written: identity, fingerprints and what the model said."""

    sha256: bytes
    md5: bytes
    pdq: Pdq
    width: int
    height: int
    format: str
    frame_count: int
    byte_size: int
    embedding: Embeddings  # (d,) float32, unit length
    probabilities: Probabilities  # (classes,) float32
    parts: tuple[NewPart, ...] = ()  # beyond the whole first frame, whose values stand above


@dataclass(frozen=True, slots=True)
class SourceStamp:
    """Where an image was found, and what tells that its bytes have not changed since."""

    uri: str  # absolute path of a local file, or a URL
    size: int | None  # bytes; None when unknown
    version: str
    """A local file's mtime in ns, as decimal text; an object store's ETag or LastModified; empty
    when unknown: then only the bytes themselves tell."""


@dataclass(frozen=True, slots=True)
class SourceDetails:
    """What a manifest says of a source."""

    label: str | None = None
    uploader: str | None = None
    created_at: datetime | None = None  # of the picture where it comes from, not of our row
    metadata: dict[str, Any] = field(default_factory=dict)  # anything JSON can hold


@dataclass(frozen=True, slots=True)
class KnownSource:
    """What the catalog remembers of one source."""

    image_id: int
    size: int | None
    version: str


@dataclass(frozen=True, slots=True)
class Bank:
    """A named set of reference entries."""

    id: int
    name: str
    kind: BankKind
    created_at: datetime
    entry_count: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One member of a bank."""

    id: int
    bank: str
    kind: BankKind
    image_id: int


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


@dataclass(frozen=True, slots=True)
class VectorChanges:
    """A stretch of the log as a view needs it: what each touched image's vectors are now."""

    watermark: int  # every change up to and including this number is covered
    keys: Keys
    vectors: Vectors  # row i belongs to keys[i]
    removed: Keys  # images that no longer have a vector
    purged: Keys = field(default_factory=lambda: np.zeros(0, np.int64))
    """Of those removed: images whose vectors nothing may keep, not even out of sight."""


@dataclass(frozen=True, slots=True)
class VectorCensus:
    """Which images have vectors, as the log has it at one moment."""

    watermark: int  # the log's last change at that moment
    keys: Keys  # one for each vector, ascending
    purged: Keys  # images of which nothing may keep a vector, ascending


class ChangeFeed(Protocol):
    """The log, seen by one view."""

    @property
    def log_id(self) -> str:
        """Identity of the log: a snapshot of another log's view must not be used."""

    def head(self) -> int:
        """Return the number of the last committed change; 0 for an empty log."""

    def read(self, after: int, limit: int) -> VectorChanges:
        """Return the effect of up to `limit` changes numbered above `after`.

        The watermark equals `after` when there are none.
        """

    def census(self) -> VectorCensus:
        """Return which images have vectors now, without the vectors."""

    def look_up(self, keys: Keys) -> VectorChanges:
        """Return the vectors that these images have now; the watermark is the log's head."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """How one stored image compares with a query, signal by signal."""

    same_bytes: bool
    pdq_distance: int | None  # bits, least over the query's orientations; None when either is flat
    similarity: float  # cosine


@dataclass(frozen=True, slots=True)
class Judgement:
    """The tier that evidence reaches, and what decided it."""

    tier: Tier
    decided_by: Signal
    threshold: float | None  # bits for pdq, cosine for embedding, None for sha256
    threshold_source: str | None


@dataclass(frozen=True, slots=True)
class Suppression:
    """The allow entry that excuses a match."""

    bank: str
    entry_id: int


@dataclass(frozen=True, slots=True)
class Match:
    """One stored image (or bank entry) that the query resembles, with the evidence."""

    __pydantic_config__ = {"use_attribute_docstrings": True}  # noqa: RUF012 -- pydantic's name and form

    tier: Tier
    """How close it is."""
    decided_by: Signal
    """The signal that decided the tier."""
    threshold: float | None
    """The bound that signal was held to: bits for pdq, cosine for embedding, null for sha256."""
    threshold_source: str | None
    """Where the bound came from: settings or request; null for sha256."""
    similarity: float
    """Cosine similarity of the embeddings, -1 to 1, higher is closer."""
    pdq_distance: int | None
    """Hamming distance in bits, 0 to 256, least over 8 orientations; null if a picture is flat."""
    bank: str | None
    """The bank whose entry this is; null for an image of the gallery that is in no bank."""
    bank_kind: BankKind | None
    """block accuses, allow excuses."""
    entry_id: int | None
    """The bank's entry."""
    image_id: int
    """The stored image."""
    source: str | None
    """Where the stored image was first found; null when no source of it is left."""
    suppressed_by: Suppression | None
    """The allow entry that excuses this match."""
    part: Part | None = None
    """The part of the stored image that decided; null for the whole first frame."""
    query_part: Part | None = None
    """The part of the query that matched; null for the whole first frame."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer to one query: the strongest tier reached, and everything that led to it."""

    __pydantic_config__ = {"use_attribute_docstrings": True}  # noqa: RUF012 -- pydantic's name and form

    query: str
    """The name of the file that was asked about."""
    tier: Tier
    """The strongest tier of the matches that are neither suppressed nor from an allow bank."""
    banks: tuple[str, ...]
    """The block banks hit by those matches, strongest first."""
    matches: tuple[Match, ...]
    """Strongest first."""
    probabilities: dict[str, float]
    """The model's class probabilities by label."""
    model: str
    """Fingerprint of the embedding space that the similarities were measured in."""
    sha256: str
    """SHA-256 of the query's bytes, hexadecimal."""
    pdq: str
    """PDQ of the query, hexadecimal."""
    pdq_quality: int
    """0 to 100; a picture below the threshold of the settings is not compared by PDQ."""
    watermark: int
    """The last change of the log that the search had seen."""


@dataclass(frozen=True, slots=True)
class Classification:
    """What the model says of one picture."""

    __pydantic_config__ = {"use_attribute_docstrings": True}  # noqa: RUF012 -- pydantic's name and form

    query: str
    """The name of the file that was asked about."""
    probabilities: dict[str, float]
    """The model's class probabilities by label."""
    model: str
    """Fingerprint of the model's embedding space."""


@dataclass(frozen=True, slots=True)
class ImageSummary:
    """A stored image as people and clients see it."""

    __pydantic_config__ = {"use_attribute_docstrings": True}  # noqa: RUF012 -- pydantic's name and form

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
