"""Contents: entries of several signals of one image, as in HMA."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from indexer.types.banks import BankKind, Fingerprint


@dataclass(frozen=True, slots=True)
class ContentMetadata:
    """What whoever added a content says of it; None says nothing."""

    content_id: str | None = None
    """What they call it."""
    content_uri: str | None = None
    """Where they keep it."""
    json: dict[str, Any] | None = None
    """Anything else."""


@dataclass(frozen=True, slots=True)
class ContentEntry:
    """An active entry with all that decides whether it matches, whatever the moment."""

    entry_id: int
    content_id: int  # the entry's own id, unless it was added together with others
    bank: str
    kind: BankKind
    ratio: float  # share of lookups that its bank takes part in; 0 for a disabled bank
    image_id: int | None
    fingerprint: Fingerprint | None
    disabled_until: datetime | None

    def enabled(self, at: datetime) -> bool:
        """Tell whether nobody has disabled it at a moment; its bank is another matter."""
        return self.disabled_until is None or self.disabled_until <= at


@dataclass(frozen=True, slots=True)
class ListOrigin:
    """Which list an entry came from."""

    source: str
    external_id: str | None  # what the list calls it
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Content:
    """Entries of one bank that were added together: an image, or bare fingerprints."""

    id: int
    bank: str
    ratio: float
    entries: tuple[ContentEntry, ...]
    disabled_until: datetime | None
    note: str | None
    uri: str | None  # where its image was found
    metadata: ContentMetadata = field(default_factory=ContentMetadata)
    origins: tuple[ListOrigin, ...] = ()  # of its entries that lists hold
