"""Piece view: the index of the pieces of the whole gallery, as a run of families leaves it on disk.

It is a view: derived, checked against the log and its checksums when it is read, and made anew by
the next run where it is lost. It is not followed change by change: it says where pieces may be
near, and the database what they are.
"""

from typing import Final

import structlog

from indexer.clustering.families.piece_index import PieceIndex
from indexer.errors import SnapshotMismatch, SnapshotNotWritten
from indexer.settings import Settings
from indexer.store import EmbeddingFeed, Store
from indexer.types import Space
from indexer.vector_views import pieces_folder
from indexer.vectors.manifest import Identity, Position
from indexer.vectors.snapshots import SnapshotFolder, remove_view

log = structlog.get_logger(__name__)


class PieceView:
    """The index of pieces on disk.

    Parameters
    ----------
    store : Store
    settings : Settings
    space : Space
    """

    def __init__(self, store: Store, settings: Settings, space: Space) -> None:
        self._store: Final = store
        self._folder: Final = pieces_folder(space, settings)
        self._feed: Final = EmbeddingFeed(store, space.id)
        self._dimension: Final = space.dimension
        hashed = f"cells, pdq of quality {settings.pdq_min_quality}"
        identity = Identity(self._folder.name, self._feed.log_id, hashed, space.dimension)
        self._snapshots: Final = SnapshotFolder(self._folder, identity, kept=1)

    def load(self) -> PieceIndex | None:
        """Return what the last run left; None where there is nothing that can be trusted."""
        for path in self._snapshots.newest_first():
            try:
                self._snapshots.verified(path, self._feed)
                return PieceIndex.load(path, self._dimension)
            except (SnapshotMismatch, OSError) as error:
                self._snapshots.refuse(path)
                log.warning("index of pieces rejected", snapshot=str(path), reason=str(error))
        return None

    def write(self, index: PieceIndex, watermark: int) -> None:
        """Leave an index for the runs to come; one that cannot be written is passed over.

        Parameters
        ----------
        index : PieceIndex
        watermark : int
            The last change of the log that it is sure to cover.
        """
        try:
            position = Position(watermark, self._feed.mark(watermark) or "")
            self._snapshots.write(index, position, alone=True)
            with self._store.reader() as catalog:
                purged = catalog.images.purged_among(index.ids.tolist())
            if purged:  # while the run went on
                remove_view(self._folder)
        except SnapshotNotWritten as error:
            log.warning("index of pieces not written", reason=str(error))
