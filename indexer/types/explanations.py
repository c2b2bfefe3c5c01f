"""Explanations: what in a picture speaks for a class, and what two pictures have in common."""

from dataclasses import dataclass

from indexer.types.described import described
from indexer.types.pictures import Part
from indexer.types.verdicts import Tier


@described
@dataclass(frozen=True, slots=True)
class ClassMap:
    """Which regions of a picture speak for a class."""

    query: str
    """File name of the picture."""
    label: str
    """The class."""
    probability: float
    """The class's probability for the whole picture."""
    model: str
    """Fingerprint of the model's embedding space."""
    cells: tuple[tuple[float, ...], ...]
    """Rows of equal cells, from the top left: how much the class's log-odds fall, in nats, when
    the cell is covered. Above 0 it speaks for the class, below 0 against it."""


@described
@dataclass(frozen=True, slots=True)
class Detail:
    """A local feature that two pictures have in common."""

    query_x: float
    """Pixels from the left of the upright query."""
    query_y: float
    """Pixels from its top."""
    x: float
    """Pixels from the left of the upright stored image."""
    y: float
    """Pixels from its top."""


@described
@dataclass(frozen=True, slots=True)
class MatchRegions:
    """Which regions of a picture and of a stored image match."""

    query: str
    """File name of the picture."""
    image_id: int
    """The stored image."""
    tier: Tier
    """The tier of the match; none if the search did not take the image for a match."""
    log_odds: float | None
    """Log-odds of a copy, in nats; null if the image was no candidate."""
    query_size: tuple[int, int]
    """Width and height of the upright query, in pixels."""
    image_size: tuple[int, int]
    """Width and height of the stored image, in pixels."""
    query_part: Part | None
    """The part of the query that matched; null for the whole first frame."""
    part: Part | None
    """The part of the stored image that matched; null for the whole first frame."""
    is_mirrored: bool
    """Whether the details are those of the mirrored query."""
    has_features: bool
    """Whether local features of the stored image are kept; without them there are no details."""
    details: tuple[Detail, ...]
    """The local features in the same geometric arrangement."""
