"""Request and response schemas of what a person has of their own."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from indexer.types import Theme, Veil

Key = Annotated[str, Field(min_length=1, max_length=32, pattern=r"^[^\x00]*$")]


class SettingsToKeep(BaseModel):
    """Your settings of the console."""

    model_config = ConfigDict(use_attribute_docstrings=True, extra="forbid")

    veil: Veil = Veil.BLUR
    """What covers pictures."""
    strength: int = Field(default=3, ge=1, le=5)
    """How much is covered: 1 least, 5 most."""
    keys_enabled: bool = True
    """Whether single keys are shortcuts."""
    keys: dict[Key, Key | None] = Field(default_factory=dict, max_length=100)
    """Other keys than usual, by action; null for none."""
    break_minutes: int | None = Field(default=50, ge=1, le=480)
    """Minutes of work until a break is suggested; null for never."""
    theme: Theme = Theme.AUTO
    """auto, light or dark."""


class NewView(BaseModel):
    """A list with its filters."""

    model_config = ConfigDict(use_attribute_docstrings=True, extra="forbid")

    name: str = Field(min_length=1, max_length=100, pattern=r"^[^\x00]*$")
    """What you call it."""
    screen: str = Field(min_length=1, max_length=64, pattern=r"^[a-z][a-z_-]*(/[a-z_]+)?$")
    """The screen of the console."""
    query: str = Field(max_length=2000, pattern=r"^[^\x00]*$")
    """The query string with the filters."""


class RemovedView(BaseModel):
    """A saved view that is no longer there."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    id: int
    """The view."""
