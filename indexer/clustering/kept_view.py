"""Kept view: what a cluster run leaves on disk of the whole gallery, for the runs after it.

It is a view: derived, checked against the log and its checksums when it is read, made anew by the
next run where it is lost, and removed when images in it are purged. It is not followed change by
change: a run says itself what came and went since.
"""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Final, Generic, Protocol, TypeVar

import structlog

from indexer.errors import SnapshotMismatch, SnapshotNotWritten
from indexer.store import EmbeddingFeed, Store
from indexer.types import Keys, Space
from indexer.vectors.base import Savable
from indexer.vectors.manifest import Identity, Position
from indexer.vectors.snapshots import SnapshotFolder
from indexer.vectors.view_folder import remove_view

log = structlog.get_logger(__name__)


class Kept(Savable, Protocol):
    """What a run leaves: something of images."""

    @property
    def ids(self) -> Keys:
        """The images, ascending, int64."""


KeptT = TypeVar("KeptT", bound=Kept)


class KeptView(ABC, Generic[KeptT]):
    """What a run left on disk.

    Parameters
    ----------
    store : Store
    folder : Path
    space : Space
    made_by : str
        What else decides on its content.
    """

    def __init__(self, store: Store, folder: Path, space: Space, made_by: str) -> None:
        self._store: Final = store
        self._folder: Final = folder
        self._feed: Final = EmbeddingFeed(store, space.id)
        self._dimension: Final = space.dimension
        identity = Identity(folder.name, self._feed.log_id, made_by, space.dimension)
        self._snapshots: Final = SnapshotFolder(folder, identity, kept=1)

    def load(self) -> KeptT | None:
        """Return what the last run left; None where there is nothing that can be trusted."""
        for path in self._snapshots.newest_first():
            try:
                self._snapshots.verified(path, self._feed)
                return self._read(path)
            except (SnapshotMismatch, OSError) as error:
                self._snapshots.refuse(path)
                log.warning(
                    "view of a cluster run rejected",
                    view=self._folder.name,
                    snapshot=str(path),
                    reason=str(error),
                )
        return None

    def write(self, kept: KeptT, watermark: int) -> None:
        """Leave it for the runs to come; what cannot be written is passed over.

        Parameters
        ----------
        kept : Kept
        watermark : int
            The last change of the log that it is sure to cover.
        """
        try:
            position = Position(watermark, self._feed.mark(watermark) or "")
            self._snapshots.write(kept, position, alone=True)
            with self._store.reader() as catalog:
                purged = catalog.images.purged_among(kept.ids.tolist())
            if purged:  # while the run went on
                remove_view(self._folder)
        except SnapshotNotWritten as error:
            log.warning(
                "view of a cluster run not written", view=self._folder.name, reason=str(error)
            )

    @abstractmethod
    def _read(self, path: Path) -> KeptT:
        """Read a snapshot whose files are as they were written.

        Raises
        ------
        SnapshotMismatch
            It holds something else.
        OSError
            A file could not be read.
        """
