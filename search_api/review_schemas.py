"""Request and response schemas of reviews, in addition to the library's types."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from indexer.types import LeftOut, Outcome, QueueKind, Reveal, ReviewItem, ReviewQueue
from search_api.schemas import MAX_ID

Words = Annotated[str, Field(min_length=1, max_length=1000, pattern=r"^[^\x00]*$")]


class RevealRequest(BaseModel):
    """Which picture to reveal, and why."""

    model_config = ConfigDict(use_attribute_docstrings=True, extra="forbid")

    image_id: int | None = Field(default=None, ge=1, le=MAX_ID)
    """The stored image ..."""
    review_id: int | None = Field(default=None, ge=1, le=MAX_ID)
    """... or the review item whose picture it is."""
    reason: Words
    """Why you need to see it; it is written into the audit log."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.image_id is None) == (self.review_id is None):
            raise ValueError("name either `image_id` or `review_id`")
        return self


class OpenedReveal(BaseModel):
    """A reveal, and where its picture can be seen."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    reveal: Reveal
    """As it was written down."""
    picture: str
    """Path of the picture: only you can get it, and only until the reveal ends."""

    @classmethod
    def of(cls, reveal: Reveal) -> "OpenedReveal":
        """Say where the picture of a reveal is."""
        return cls(reveal=reveal, picture=f"/v1/reveals/{reveal.id}/picture")


class EndOfReveal(BaseModel):
    """How long a picture was seen."""

    model_config = ConfigDict(use_attribute_docstrings=True, extra="forbid")

    seconds: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    """As you measured it; all the time since the reveal if left out."""


MOST_LEASED = 24
MOST_DECIDED = 200
Note = Annotated[str, Field(max_length=10_000, pattern=r"^[^\x00]*$")]
ItemIds = Annotated[
    list[Annotated[int, Field(ge=1, le=MAX_ID)]], Field(min_length=1, max_length=MOST_DECIDED)
]


class Queues(BaseModel):
    """The queues that have open items."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    queues: list[ReviewQueue]
    """One for each queue, bank and severity; by queue, gravest first."""


class Reason(BaseModel):
    """A reason that a decision may give."""

    model_config = ConfigDict(use_attribute_docstrings=True, from_attributes=True)

    id: str
    """What decisions cite."""
    words: str
    """The reason, in a few words."""
    text: str | None
    """What the policy says of it."""


class Reasons(BaseModel):
    """The reasons of the policy in force."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    reasons: list[Reason]
    """In the order of the policy; where there are any, each decision needs one."""


class ItemsToLease(BaseModel):
    """Which review items you want to have."""

    model_config = ConfigDict(use_attribute_docstrings=True, extra="forbid")

    queue: QueueKind
    """The queue."""
    bank: str | None = Field(default=None, min_length=1, max_length=64)
    """Only items of this bank."""
    limit: int = Field(default=1, ge=1, le=MOST_LEASED)
    """How many at most."""
    family: bool = False
    """Whether the others are of the family of the first: its cluster, or the same entry."""
    resume: bool = False
    """Whether those that you have already come first."""


class LeasedItems(BaseModel):
    """Review items that are yours for a while."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    items: list[ReviewItem]
    """Gravest first, then the oldest; empty if there are none."""
    expires_at: datetime | None
    """Until when; null without items."""


class LeasedIds(BaseModel):
    """Review items that you have."""

    model_config = ConfigDict(use_attribute_docstrings=True, extra="forbid")

    ids: ItemIds
    """Their ids."""


class Released(BaseModel):
    """What was given back."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    released: int
    """How many leases of yours ended."""


class ReviewDecision(BaseModel):
    """What you say of a review item."""

    model_config = ConfigDict(use_attribute_docstrings=True, extra="forbid")

    outcome: Outcome
    """confirmed, rejected or escalated."""
    reason: str | None = Field(default=None, max_length=64)
    """Id of a reason of the policy; needed where it lists any."""
    note: Note | None = None
    """What else there is to say."""


class BulkReviewDecision(ReviewDecision):
    """What you say of several review items."""

    ids: ItemIds
    """The items."""
    preview: bool = False
    """Whether nothing is changed, and only what would be decided is returned."""


class BulkReviewDecided(BaseModel):
    """What became of several review items."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    decided: list[ReviewItem]
    """Those that were decided, or would be."""
    left_out: list[LeftOut]
    """The others, and why."""
    preview: bool
    """Whether nothing was changed."""
