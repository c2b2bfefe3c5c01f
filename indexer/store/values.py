"""What the store answers and no other layer makes."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Counts:
    """How much the catalog holds."""

    images: int
    """Active images."""
    sources: int
    """Files and URLs where active images are."""
    embeddings: int
    """Active images with an embedding in the active space."""
    banks: int
    """Banks of either kind."""
    entries: int
    """Active entries of all banks."""
    quarantined: int
    """Files that could not be indexed."""
    changes: int
    """Number of the last change of the log."""


@dataclass(frozen=True, slots=True)
class QuarantinedFile:
    """A file that could not be indexed."""

    uri: str
    """Absolute path of a local file, or a URL."""
    code: str
    """Code of the error, such as unreadable_image."""
    reason: str
    """The error's message."""
    first_seen_at: datetime
    """When it was first found to be bad."""
    last_seen_at: datetime
    """When it was last found to be bad."""


@dataclass(frozen=True, slots=True)
class AddOutcome:
    """What one batch changed."""

    added: int = 0
    """Images that the index did not hold, those among them that it had removed included."""
    reactivated: int = 0
    """Of those added: images that the index had held and removed."""
    duplicates: int = 0
    """Items whose image the index held already, or that came earlier in the batch."""
    sources: int = 0
    """Sources that were not known, or whose file had changed."""
    entries: int = 0
    """New entries of the bank."""
