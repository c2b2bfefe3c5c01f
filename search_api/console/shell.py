"""Shell of the console's pages: the rail, who is signed in, and what scripts may know."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Place:
    """An entry of the rail."""

    name: str
    """As people read it."""
    path: str
    """Where it leads."""
    icon: str
    """In icons.svg."""
    key: str
    """Follows `g`."""


RAIL: Final = (
    Place("Today", "/console", "sun", "t"),
    Place("Search", "/console/search", "search", "s"),
    Place("Review", "/console/review", "list-checks", "r"),
    Place("Clusters", "/console/clusters", "shapes", "c"),
    Place("Banks", "/console/banks", "shield", "b"),
    Place("Images", "/console/images", "images", "i"),
    Place("Operations", "/console/operations", "activity", "o"),
    Place("Settings", "/console/settings", "settings", ","),
)
"""The screens, in the order of the rail."""
