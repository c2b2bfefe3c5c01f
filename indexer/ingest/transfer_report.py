"""Transfer report: what bringing an index over to another model did."""

from dataclasses import dataclass, field
from typing import Final

MOST_LISTED: Final = 1000
"""Missing images that a report lists."""


@dataclass(frozen=True, slots=True)
class MissingImage:
    """An image that could not be embedded again."""

    image_id: int
    source: str | None
    """Where it was looked for last; null when no source of it is known."""
    code: str
    """Code of the error, or source_changed, no_source, incomplete."""
    reason: str
    has_thumbnail: bool


@dataclass(slots=True)
class TransferReport:
    """What a transfer did, counted as it goes."""

    model: str
    """Reference of the model."""
    space: str
    """Its space, 64 hex digits."""
    before: str
    """The space that the index was bound to, 64 hex digits."""
    active: bool = False
    """Whether the index is bound to the model's space now."""
    wanted: int = 0
    """Images that were not complete in that space."""
    embedded: int = 0
    """Images embedded from their files."""
    approximate: int = 0
    """Images embedded from their thumbnails: nearly as from their files, not the same."""
    parts: int = 0
    """Frames, tiles and crops that went through the model, besides the whole pictures."""
    missing_count: int = 0
    """Images that could not be embedded, or not wholly."""
    missing_semantics: int = 0
    """Of them: images that lack nothing but the semantic embedding."""
    missing: list[MissingImage] = field(default_factory=list)
    """The first of them, with the reason."""
    stale_cards: int = 0
    """Threshold cards of the earlier space, which hold no more."""
    dropped: int | None = None
    """Images whose embeddings in other spaces were deleted; null when that was not asked for."""
    interrupted: bool = False
    """Whether the run was stopped before its end."""
    seconds: float = field(default=0.0, compare=False)
    """How long the run took, the model already loaded."""
    images_per_second: float = field(default=0.0, compare=False)

    @property
    def done(self) -> int:
        """Images dealt with so far."""
        return self.embedded + self.approximate + self.missing_count

    def miss(self, image: MissingImage) -> None:
        """Count an image that could not be embedded, and list it while there is room."""
        self.missing_count += 1
        if len(self.missing) < MOST_LISTED:
            self.missing.append(image)

    def time(self, seconds: float) -> None:
        """Say how long the run has taken so far."""
        embedded = self.embedded + self.approximate
        self.seconds = round(seconds, 3)
        self.images_per_second = round(embedded / seconds, 2) if seconds else 0.0
