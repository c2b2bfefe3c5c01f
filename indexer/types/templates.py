"""Templates: frames that many images share while they show different content."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from indexer.types.described import described


class TemplateState(StrEnum):
    """What analysts said of a template."""

    FOUND = "found"
    CONFIRMED = "confirmed"
    REJECTED = "rejected"


@described
@dataclass(frozen=True, slots=True)
class Template:
    """A frame that recurs in stored images of unrelated content, such as that of an application."""

    id: int
    """The template's identity, kept when it is learned again."""
    state: TemplateState
    """found; confirmed by an analyst; or rejected: then it discounts nothing."""
    seen_in: int
    """Stored images that have this frame."""
    image_id: int
    """One of them, which the preview is made of."""
    mask: str
    """256 bits, hexadecimal: 16 rows of 16 cells, 1 where the frame is, 0 for the content."""
    created_at: datetime
    """When it was first learned."""
    updated_at: datetime
    """When it last gained an image or a decision."""


@dataclass(frozen=True, slots=True)
class FoundTemplate:
    """A frame as it was found, before it is written."""

    mask: bytes  # 32
    members: tuple[int, ...]  # image ids; the first is the one to preview
