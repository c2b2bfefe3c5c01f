"""Banks and their entries: images, or bare fingerprints that a list gave us."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class BankKind(StrEnum):
    """Whether a bank accuses or excuses."""

    BLOCK = "block"
    ALLOW = "allow"


class Severity(StrEnum):
    """How grave it is to match a bank, least first."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class FingerprintKind(StrEnum):
    """What a bare fingerprint is of: the first two of a file's bytes, the last of its pixels."""

    SHA256 = "sha256"
    MD5 = "md5"
    PDQ = "pdq"


class DisabledReason(StrEnum):
    """Why an entry is disabled."""

    BY_HAND = "by hand"
    FLOOD = "flood"


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What a list knows a picture by when the picture itself is not at hand."""

    __pydantic_config__ = {  # noqa: RUF012 -- pydantic's name and form
        "use_attribute_docstrings": True,
        "ser_json_bytes": "hex",
        "val_json_bytes": "hex",
    }

    kind: FingerprintKind
    """sha256, md5 or pdq."""
    value: bytes
    """32 bytes, 16 for md5; hexadecimal in JSON."""

    @property
    def hex(self) -> str:
        """The value as lists write it, in lower case."""
        return self.value.hex()


@dataclass(frozen=True, slots=True)
class Bank:
    """A named set of reference entries."""

    id: int
    name: str
    kind: BankKind
    created_at: datetime
    entry_count: int  # disabled ones included, removed ones not
    enabled: bool  # nothing matches a bank that is not
    category: str | None
    severity: Severity | None
    notes: str | None
    owner: str | None


@dataclass(frozen=True, slots=True)
class Entry:
    """One member of a bank, as a match names it: an image, or a bare fingerprint."""

    id: int
    bank: str
    kind: BankKind
    image_id: int | None  # None for a bare fingerprint
    fingerprint: Fingerprint | None = None  # None for an image


@dataclass(frozen=True, slots=True)
class EntryRecord:
    """All that the catalog holds of one active entry."""

    id: int
    bank: str
    kind: BankKind
    image_id: int | None  # None for a bare fingerprint
    fingerprint: Fingerprint | None  # None for an image
    source: str | None  # the list that it came from, such as ncmec
    external_id: str | None  # what that list calls it
    notes: str | None
    labels: tuple[str, ...]
    disabled_until: datetime | None  # None while it is enabled; a moment in the past is, too
    disabled_reason: DisabledReason | None
    created_at: datetime
