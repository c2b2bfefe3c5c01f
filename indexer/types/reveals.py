"""Veils over pictures, and reveals of what is behind them."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from indexer.types.described import described


class Veil(StrEnum):
    """What covers a picture."""

    BLUR = "blur"
    GREY = "grey"
    LINES = "lines"


@dataclass(frozen=True, slots=True)
class Person:
    """Who works with the server: the holder of a key."""

    id: str  # "key 3"; "anybody" where no key is needed
    name: str

    @property
    def has_key(self) -> bool:
        """Whether it is one person for sure: whoever has no key may be anybody."""
        return self.id.startswith("key ")


@described
@dataclass(frozen=True, slots=True)
class Reveal:
    """That a person looked at a picture without its veil."""

    id: int
    """Rises with time."""
    person: str
    """Who looked: `key` and the key's id; `anybody` where no key is needed."""
    name: str
    """The name of that key at the time."""
    image_id: int | None
    """The stored image; null for an upload under review."""
    review_id: int | None
    """The review item that the picture is of; null outside of reviews."""
    reason: str
    """Why."""
    created_at: datetime
    """From when on the picture could be seen ..."""
    expires_at: datetime
    """... and until when at most."""
    ended_at: datetime | None
    """When the person said that it is covered again; null if that was not said."""
    seconds: float | None
    """How long it was seen; null while that was not said."""


@dataclass(frozen=True, slots=True)
class NewReveal:
    """A reveal to be written down."""

    person: Person
    image_id: int | None
    reason: str
    expires_at: datetime
    review_id: int | None = None


@described
@dataclass(frozen=True, slots=True)
class Exposure:
    """How much a person saw without a veil."""

    reveals: int
    """Pictures revealed."""
    seconds: float
    """How long they were seen, as far as that was said."""
