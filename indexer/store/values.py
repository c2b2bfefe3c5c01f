"""Queries and results of the store."""

from dataclasses import dataclass, field, fields
from datetime import datetime
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.types import (
    Embeddings,
    IngestPartState,
    Keys,
    Part,
    Pdq,
    PdqBits,
    ReviewEvidence,
    Severity,
    Signal,
    SourceDetails,
    SourceStamp,
    Tier,
)


@dataclass(frozen=True, slots=True)
class Arrival:
    """That an image's bytes were found somewhere."""

    stamp: SourceStamp
    """Where."""
    details: SourceDetails = field(default_factory=SourceDetails)
    """What a manifest says of it; empty details leave what an earlier one said."""
    bank_id: int | None = None
    """The bank that the image becomes an entry of."""


@dataclass(frozen=True, slots=True)
class BankDetails:
    """What is said of a bank; None says nothing, an empty text takes back what was said."""

    category: str | None = None
    severity: Severity | None = None
    notes: str | None = None
    owner: str | None = None

    def columns(self) -> dict[str, Any]:
        """Return what is said, by column; None for what is taken back."""
        said = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: str(value) or None for name, value in said.items() if value is not None}


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """Which rows of the audit log to read; what is None narrows nothing."""

    action: str | None = None
    """Beginning of the action: `bank.` for all changes of banks."""
    actor: str | None = None
    """Name of who did it."""
    since: datetime | None = None
    """Only what happened from then on."""
    subject: str | None = None
    """What it was done to: `bank`, or `bank:7`."""
    newest_first: bool = False
    cursor: int = 0
    """Number of the last row of the page before; 0 for the first page."""


@dataclass(frozen=True, slots=True)
class UnclassifiedVectors:
    """Vectors without class probabilities."""

    parts: list[tuple[int, int]]
    """Image and number of the part; 0 is the whole."""
    vectors: Embeddings
    """(n, d)"""


class RemovedBy(StrEnum):
    """Who removed an entry; a list may only bring back what it removed itself."""

    USER = "user"
    SOURCE = "source"


@dataclass(frozen=True, slots=True)
class RemovalQuery:
    """Which images to remove.

    `ids`, `uris` and `sha256` name images, and together they name all that any of them names.
    The others narrow these down, or the whole gallery when no image is named.
    A query that says nothing finds nothing.
    """

    ids: tuple[int, ...] = ()
    uris: tuple[str, ...] = ()
    sha256: tuple[bytes, ...] = ()
    """Digests of 32 bytes."""
    bank: str | None = None
    """Only images with an active entry in this bank."""
    before: datetime | None = None
    """Only images indexed before this moment."""
    label: str | None = None
    """Only images with a source that a manifest gave this label."""
    source_prefix: str | None = None
    """Only images with a source whose URI begins so; `Sources.page` says what to heed."""
    removed: bool = False
    """Whether images that were removed but not purged are found, too, by what they had then."""


@dataclass(frozen=True, slots=True)
class Walk:
    """A pass over sources that will tell which of the known ones are gone."""

    mark: int
    """Written to the sources that were met; greater for later walks."""
    last_source: int
    """Id of the newest source when the walk began: what opened since then cannot be gone."""


@dataclass(frozen=True, slots=True)
class OpenSource:
    """A source of an active image."""

    id: int
    uri: str
    image_id: int


@dataclass(frozen=True, slots=True)
class CloseOutcome:
    """What closing sources changed."""

    closed: int = 0
    """Sources that were open."""
    orphaned: int = 0
    """Active images that lost their last source."""
    removed: int = 0
    """Of those orphaned: images that were removed."""


@dataclass(frozen=True, slots=True)
class Tombstone:
    """What is kept of a purged image: the proof that it was deleted."""

    image_id: int
    sha256: bytes
    purged_at: datetime


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much of the catalog a running server tells of."""

    images: int
    """Active images."""
    entries: int
    """Active entries of all banks."""
    quarantined_by_code: dict[str, int]
    """Files that could not be indexed, by the code of the error."""
    ingest_parts: dict[IngestPartState, int]
    """Parts of ingest jobs, by state; of each state, also where there are none."""
    ingest_processed: int
    """Images and files of these parts that workers have dealt with."""
    deliveries_pending: int
    """Deliveries to webhooks that are to be attempted."""
    deliveries_dead: int
    """Those that were given up."""
    reviews_open: int
    """Review items that are open."""
    reviews_decided: int
    """Those that were decided in the last 24 hours."""
    reveals: int
    """Pictures that were revealed in the last 24 hours."""


@dataclass(frozen=True, slots=True)
class ImageFingerprints:
    """The fingerprints of one active image."""

    sha256: bytes
    """32 bytes."""
    md5: bytes
    """16 bytes."""
    pdq: Pdq


@dataclass(frozen=True, slots=True)
class DatabaseFacts:
    """What a database says of itself."""

    product: str
    """Its name and version."""
    journal_mode: str | None
    """SQLite's; None for Postgres."""
    last_change_at: datetime | None
    """When the last change of the log was written, by the writer's clock."""


@dataclass(frozen=True, slots=True)
class QuarantinedFile:
    """A file that could not be indexed."""

    uri: str
    """Absolute path of a local file, or a URL."""
    code: str
    """Code of the error, such as unreadable_image."""
    reason: str
    """The error's message."""
    first_seen_at: datetime
    """When it was first found to be bad."""
    last_seen_at: datetime
    """When it was last found to be bad."""


@dataclass(frozen=True, slots=True)
class StoredPicture:
    """What is needed to embed an active image again."""

    image_id: int
    sha256: bytes
    """Of its bytes, which a source must still have."""
    sources: tuple[str, ...]
    """URIs of the open ones, oldest first."""
    parts: tuple[Part, ...]
    """Those that the index holds of it."""
    size: tuple[int, int]
    """Width and height in pixels, upright: what the boxes of the parts are measured in."""
    has_thumbnail: bool


@dataclass(frozen=True, slots=True)
class AddOutcome:
    """What one batch changed."""

    added: int = 0
    """Images that the index did not hold, those among them that it had removed included."""
    reactivated: int = 0
    """Of those added: images that the index had held and removed."""
    restored: int = 0
    """Of those reactivated: images that had been purged."""
    completed: int = 0
    """Images that the index held and that gained parts, a thumbnail, local features, or a vector
    in this space."""
    duplicates: int = 0
    """Items whose image the index held already, or that came earlier in the batch."""
    sources: int = 0
    """Sources that were not known, or whose file had changed."""
    entries: int = 0
    """New entries of the banks."""


@dataclass(frozen=True, slots=True)
class RequestKey:
    """What the sender of a request calls it, so that it is carried out only once."""

    caller: str
    """Who sends it: keys of two callers never meet."""
    key: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request was answered."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class PictureVectors:
    """What the whole first frames of n images are compared by."""

    ids: Keys
    """(n,) int64, ascending."""
    embeddings: Embeddings
    """(n, d) in one space."""
    pdq: PdqBits
    """(n, 32)."""
    pdq_quality: NDArray[np.int16]
    """(n,) 0 to 100."""


@dataclass(frozen=True, slots=True)
class MatchKey:
    """What a decision is on: a query's bytes, and what they matched."""

    query_sha256: bytes
    entry_id: int | None
    image_id: int | None
    """A stored image of no bank, where no entry is named."""


@dataclass(frozen=True, slots=True)
class NewRetroMatch:
    """A stored image that an entry matches, ready to be written."""

    entry_id: int
    image_id: int
    tier: Tier
    decided_by: Signal
    similarity: float | None
    pdq_distance: int | None
    threshold: float | None
    evidence: ReviewEvidence = field(default_factory=ReviewEvidence)
    """What a reviewer is shown."""
