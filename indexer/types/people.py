"""What a person has of their own: settings of the console, saved views, and what they did today."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from indexer.types.access import Scope
from indexer.types.described import described
from indexer.types.reveals import Exposure, Veil


class Theme(StrEnum):
    """How the console looks."""

    AUTO = "auto"
    LIGHT = "light"
    DARK = "dark"


@described
@dataclass(frozen=True, slots=True)
class PersonalSettings:
    """A person's settings of the console."""

    veil: Veil = Veil.BLUR
    """What covers pictures."""
    strength: int = 3
    """How much is covered: 1 least, 5 most."""
    keys_enabled: bool = True
    """Whether single keys are shortcuts."""
    keys: dict[str, str | None] = field(default_factory=dict)
    """Other keys than usual, by action; null for none."""
    break_minutes: int | None = 50
    """Minutes of work until a break is suggested; null for never."""
    theme: Theme = Theme.AUTO
    """auto, light or dark."""


@described
@dataclass(frozen=True, slots=True)
class SavedView:
    """A list with its filters, saved under a name."""

    id: int
    """Rises with time."""
    name: str
    """What the person calls it."""
    screen: str
    """The screen of the console, such as review."""
    query: str
    """The query string with the filters."""
    created_at: datetime
    """When it was saved."""


@described
@dataclass(frozen=True, slots=True)
class Me:
    """Who makes a request, and what they did today; only they see it."""

    person: str
    """What reviews and reveals call the person: `key` and the key's id, or `anybody`."""
    name: str
    """Name of the key."""
    scopes: tuple[Scope, ...]
    """What the key may do; admin includes all others."""
    exposure: Exposure
    """What was revealed since midnight UTC."""
    decisions: int
    """Review items decided since midnight UTC."""
    decisions_per_reveal: float | None
    """Their ratio; null without reveals."""
