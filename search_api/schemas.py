"""Request and response schemas, in addition to the library's types."""

from datetime import UTC, datetime
from typing import Annotated, Generic, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    FailFast,
    Field,
    FiniteFloat,
)
from pydantic.config import JsonDict

from indexer.types import (
    BankKind,
    Classification,
    FingerprintKind,
    Match,
    Outcome,
    SearchCompleteness,
    Severity,
    Signal,
    Tier,
    Verdict,
)

ItemT = TypeVar("ItemT")
MAX_ID = 2**63 - 1  # BIGINT
MAX_DIMENSION = 16_384  # of an embedding


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("lies before the year 1 or after the year 9999 in UTC") from None


def _in_utc_by_default(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else _in_utc(moment)


Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]
UtcMoment = Annotated[datetime, AfterValidator(_in_utc_by_default)]


class Page(BaseModel, Generic[ItemT]):
    """A part of a list."""

    # described this way because pydantic cannot read the docstrings of a generic's attributes
    items: list[ItemT] = Field(description="In the order of the list.")
    next_cursor: str | None = Field(
        description="Ask with this for the page that follows; null when there is none."
    )


def _without_default(schema: JsonDict) -> None:
    """Leave a default out that OpenAPI documents leave out, too."""
    schema.pop("default")


class SimilarPage(Page[Match]):
    """The stored images nearest to one of them."""

    completeness: SearchCompleteness = Field(
        description="Whether anything may have been missed: of banks never, of the gallery it says."
    )


class Problem(BaseModel):
    """What went wrong (RFC 9457)."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    type: str = Field(examples=["urn:lookalike:unreadable_image"])
    """Stable name of the kind of problem."""
    title: str = Field(examples=["unreadable_image"])
    """The stable code alone."""
    status: int = Field(examples=[415])
    """The HTTP status."""
    detail: str = Field(examples=["The bytes are not an image of a format that we read."])
    """What happened and what to do next."""
    brief: str | None = Field(
        default=None,
        examples=["Another person has review 41."],
        json_schema_extra=_without_default,
    )
    """What happened alone, to be shown to a person; null where `detail` says no more."""
    request_id: str | None = Field(examples=["0f7c1a52f0b64c0e9d1d6a3b8d8f3c11"])
    """Names this request in the server's log; the header X-Request-ID has it, too."""


class SearchedItem(BaseModel):
    """What became of one picture of several: a verdict or a problem."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    query: str
    """The name of the file."""
    verdict: Verdict | None
    """Null when there is a problem."""
    problem: Problem | None
    """Null when there is a verdict."""


class SearchedItems(BaseModel):
    """What became of several pictures."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    items: list[SearchedItem]
    """One for each picture, in the order in which they were sent."""


class VectorRequest(BaseModel):
    """An embedding that was made with the model of the index."""

    model_config = ConfigDict(use_attribute_docstrings=True, extra="forbid")

    vector: Annotated[list[FiniteFloat], FailFast()] = Field(min_length=1, max_length=MAX_DIMENSION)
    """As many numbers as the space has dimensions, of any length but 0; it is normalised."""
    model: str = Field(pattern=r"^[0-9a-f]{64}$")
    """Fingerprint of the model that made it, as in every verdict."""


class FingerprintRequest(BaseModel):
    """A fingerprint of a picture that is not at hand."""

    model_config = ConfigDict(use_attribute_docstrings=True, extra="forbid")

    kind: FingerprintKind
    """sha256, md5 or pdq."""
    value: str = Field(max_length=128)
    """Hexadecimal: 64 digits, 32 for md5."""


class ClassifiedItem(BaseModel):
    """What became of one picture of several: a classification or a problem."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    query: str
    """The name of the file."""
    classification: Classification | None
    """Null when there is a problem."""
    problem: Problem | None
    """Null when there is a classification."""


class ClassifiedItems(BaseModel):
    """What became of several pictures."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    items: list[ClassifiedItem]
    """One for each picture, in the order in which they were sent."""


class RemovedImage(BaseModel):
    """An image that is no longer in the index."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    image_id: int
    """The image."""
    purged: bool
    """Whether it was erased for good."""


class BankEdit(BaseModel):
    """What is said of a bank; what is left out or null stays, an empty text takes it back."""

    model_config = ConfigDict(use_attribute_docstrings=True, extra="forbid")

    category: str | None = None
    """What it is about, such as csam or spam."""
    severity: Severity | None = None
    """How grave it is to match the bank."""
    notes: str | None = None
    """Anything worth knowing."""
    owner: str | None = None
    """Who answers for it."""
    enabled: bool | None = None
    """Whether its entries count, from the next query on."""


class NewBank(BaseModel):
    """A bank to be made."""

    model_config = ConfigDict(use_attribute_docstrings=True, extra="forbid")

    name: str = Field(max_length=64)
    """Letters, digits, `_`, `.` and `-`, at most 64, not starting with `.` or `-`."""
    kind: BankKind = BankKind.BLOCK
    """block: known unsafe; allow: known benign, excuses a match."""
    category: str | None = None
    """What it is about, such as csam or spam."""
    severity: Severity | None = None
    """How grave it is to match the bank."""
    notes: str | None = None
    """Anything worth knowing."""
    owner: str | None = None
    """Who answers for it."""


class RemovedBank(BaseModel):
    """A bank that is no longer there."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    bank: str
    """Its name, which is free again."""
    entries: int
    """How many entries it had; their images stay."""


class NewEntry(BaseModel):
    """An entry to be made: of a stored image, or of a bare fingerprint."""

    model_config = ConfigDict(use_attribute_docstrings=True, extra="forbid")

    image_id: int | None = Field(default=None, ge=1, le=MAX_ID)
    """The stored image."""
    fingerprint: FingerprintRequest | None = None
    """The fingerprint, where there is no image."""
    notes: str | None = None
    """Anything worth knowing of a fingerprint."""
    labels: list[str] = Field(default_factory=list, max_length=100)
    """What a fingerprint is called."""


class Disabling(BaseModel):
    """How long an entry is to match nothing."""

    model_config = ConfigDict(use_attribute_docstrings=True, extra="forbid")

    until: Moment | None = None
    """ISO 8601 with its zone; until it is enabled by hand when null."""


class RemovedEntry(BaseModel):
    """An entry that is no longer in its bank."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    entry_id: int
    """The entry."""
    bank: str
    """The bank that it was in."""


class DecisionRequest(BaseModel):
    """A decision on one match of a verdict; the query is named as the verdict names it."""

    model_config = ConfigDict(use_attribute_docstrings=True, extra="forbid")

    sha256: str
    """SHA-256 of the query's bytes, hexadecimal, as in its verdict."""
    outcome: Outcome
    """confirmed, rejected or escalated."""
    entry_id: int | None = Field(default=None, ge=1, le=MAX_ID)
    """The bank entry that was matched."""
    image_id: int | None = Field(default=None, ge=1, le=MAX_ID)
    """The stored image that was matched, where no entry was."""
    pdq: str | None = None
    """PDQ of the query, hexadecimal, as in its verdict."""
    pdq_quality: int = Field(default=0, ge=0, le=100)
    """Its quality, likewise; that of a flat picture is not kept."""
    tier: Tier | None = None
    """The tier of the match, as in the verdict."""
    decided_by: Signal | None = None
    """The signal that decided it, likewise."""
    analyst: str | None = None
    """Who decided."""
    note: str | None = None
    """Why."""
    bank: str | None = None
    """Let the query join this bank: a block bank if confirmed, an allow bank if rejected."""


class ScanRequest(BaseModel):
    """Which entries to scan."""

    model_config = ConfigDict(use_attribute_docstrings=True, extra="forbid")

    bank: str | None = None
    """Only entries of this block bank; of all block banks by default."""
    since: int | None = Field(default=None, ge=0, le=MAX_ID)
    """Scan the entries behind this change of the log; 0 scans all. By default, those that came
    since the last scan."""
