"""Status of an index: contents, views, disk use."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from indexer.types.banks import Bank
from indexer.types.completeness import Completeness
from indexer.types.pictures import Space
from indexer.types.vector_engines import EngineState


@dataclass(frozen=True, slots=True)
class Counts:
    """How much the catalog holds."""

    images: int
    """Active images."""
    parts: int
    """Frames and tiles of active images that are matched on their own."""
    sources: int
    """Files and URLs where active images are."""
    embeddings: int
    """Active images with an embedding in the active space."""
    embeddings_by_space: dict[str, int]
    """Vectors of active images and their parts, by the fingerprint of the space."""
    banks: int
    """Banks of either kind."""
    entries: int
    """Active entries of all banks."""
    purged: int
    """Images of which only a tombstone is left."""
    quarantined: int
    """Files that could not be indexed."""
    quarantined_by_code: dict[str, int]
    """The same, by the code of the error."""
    changes: int
    """Number of the last change of the log."""


@dataclass(frozen=True, slots=True)
class ViewStatus:
    """A view as the next program that opens it finds it."""

    name: str
    watermark: int
    """The last change in the newest snapshot; 0 without one."""
    lag: int
    """Changes that opening it will read from the log."""
    vectors: int
    """Vectors in the newest snapshot."""
    snapshots: int
    """Snapshots on disk."""
    written_at: datetime | None
    """When the newest one was written."""
    byte_size: int
    """What they take on the disk."""
    codes: str | None
    """Codes by which its large segments are searched; null if all vectors are in memory."""
    memory_bytes: int
    """Bytes of the newest snapshot that are read into memory."""
    mapped_bytes: int
    """Bytes of the newest snapshot that are mapped: float32 vectors beside codes."""
    recall: Completeness | None
    """Measured recall of its inverted lists; null if it has none, so that searches are exact."""
    has_refused_lists: bool
    """Whether its inverted lists did not reach the target, so that a search compares all."""


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """A vector engine, as the programs that feed it have noted."""

    address: str
    """Its URL without credentials; `local` is the view in each process."""
    collection: str
    """What holds the embeddings of one space."""
    state: EngineState
    """active: it is searched; joining: it catches up beside that; former: it was searched."""
    watermark: int
    """The last change that it has acknowledged."""
    lag: int
    """Changes that it has not acknowledged."""
    vectors: int
    """Vectors in it."""
    recall: float | None
    """Share of the true nearest that a search of it finds, as measured last."""


@dataclass(frozen=True, slots=True)
class Status:
    """What an index holds, and what it takes on the disk."""

    home: Path
    database: str
    """Its URL without the password."""
    database_bytes: int
    """What it takes on its disk."""
    views_bytes: int
    """What all that lies in the folder of the views takes."""
    space: Space | None
    """The embedding space that the index is bound to."""
    counts: Counts
    banks: tuple[Bank, ...]
    views: tuple[ViewStatus, ...]
    engines: tuple[EngineStatus, ...]
    """Vector engines; none where the gallery has always been searched in each process."""
