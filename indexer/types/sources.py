"""Sources of images, and their metadata from manifests."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


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
class SkippedSource:
    """A source that cannot be used, and why."""

    uri: str
    code: str  # of the error, such as unreadable_image; or one of indexer.sources.SKIP_CODES
    message: str
