"""Embedding spaces as they are listed: what the index holds in each."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from indexer.types.described import described


class SpaceKind(StrEnum):
    """What the embeddings of a space are for."""

    COPY = "copy"
    SEMANTIC = "semantic"


@described
@dataclass(frozen=True, slots=True)
class SpaceSummary:
    """An embedding space of the index and what is stored in it."""

    id: int
    """The space's identity."""
    fingerprint: str
    """64 hexadecimal digits that name the space."""
    kind: SpaceKind
    """copy: searched for copies; semantic: clustered by subject."""
    model: str
    """Reference that loads its model."""
    dimension: int
    """Length of an embedding."""
    active: bool
    """Whether the index uses it; exactly one space of each kind at most."""
    embedded: int
    """Active images that have an embedding in it."""
    images: int
    """All active images."""
    vectors: int
    """Embeddings of images and of their parts."""
    vector_bytes: int
    """Their bytes in the database, without row overhead."""
    threshold_cards: int
    """Threshold cards in force of this space; they apply only while it is active."""
    semantic_space_id: int | None
    """The space of the semantic embeddings that come with it."""
    created_at: datetime
    """When it was registered."""
    activated_at: datetime | None
    """When it last became the index's; null if it never did, was dropped, or is semantic."""


@described
@dataclass(frozen=True, slots=True)
class DroppedSpaces:
    """What a removal of spaces deleted, or would delete."""

    spaces: list[str]
    """Fingerprints: the space, and that of the semantic embeddings that came with it alone."""
    vectors: int
    """Embeddings in them."""
    vector_bytes: int
    """Their bytes in the database, without row overhead."""
    dry_run: bool
    """Whether nothing was deleted."""
