"""Request and response schemas of reviews, in addition to the library's types."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from indexer.types import Reveal
from search_api.schemas import MAX_ID

Words = Annotated[str, Field(min_length=1, max_length=1000, pattern=r"^[^\x00]*$")]


class RevealRequest(BaseModel):
    """Which picture to reveal, and why."""

    model_config = ConfigDict(use_attribute_docstrings=True, extra="forbid")

    image_id: int = Field(ge=1, le=MAX_ID)
    """The stored image."""
    reason: Words
    """Why you need to see it; it is written into the audit log."""


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
