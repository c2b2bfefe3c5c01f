"""Closing sources that are gone, and noting those that a walk met."""

from collections.abc import Iterable, Sequence

from sqlalchemy import exists, or_, select, update

from indexer.store.edits import Edits, Transaction
from indexer.store.images.image_edits import ImageEdits
from indexer.store.images.sources import Sources
from indexer.store.models import ImageRow, SourceRow
from indexer.store.sql_parameters import chunks, possible_ids, uri_digest
from indexer.store.values import CloseOutcome, Walk


class SourceEdits(Sources, Edits):
    """The sources within a writing transaction."""

    def __init__(self, transaction: Transaction, images: ImageEdits) -> None:
        super().__init__(transaction)
        self._images = images

    def close(self, ids: Iterable[int], *, remove_orphans: bool = False) -> CloseOutcome:
        """Close sources that are gone.

        Parameters
        ----------
        ids : iterable of int
            Ids of sources; those that are not open are passed over.
        remove_orphans : bool
            Whether to remove the images, bank entries among them, that no source is left of. They
            stay in the gallery otherwise.
        """
        closed, orphans = 0, set[int]()
        for chunk in chunks(possible_ids(ids)):
            open_ids = self._ids_where(
                SourceRow, SourceRow.id.in_(chunk), SourceRow.closed_at.is_(None)
            )
            self._set(SourceRow, open_ids, closed_at=self._now)
            closed += len(open_ids)
            orphans.update(self._without_source(open_ids))
        removed = self._images.remove(orphans) if remove_orphans else 0
        return CloseOutcome(closed=closed, orphaned=len(orphans), removed=removed)

    def close_at(self, uris: Iterable[str]) -> None:
        """Close the open sources of these URIs; their images stay in the gallery."""
        for digests in chunks(map(uri_digest, uris)):
            self.close(
                self._ids_where(
                    SourceRow, SourceRow.uri_sha256.in_(digests), SourceRow.closed_at.is_(None)
                )
            )

    def mark_walked(self, walk: Walk, uris: Iterable[str]) -> None:
        """Note that a walk met these sources, whether they could be read or not."""
        for digests in chunks(map(uri_digest, uris)):
            met = (
                SourceRow.uri_sha256.in_(digests),
                SourceRow.closed_at.is_(None),
                or_(SourceRow.walk.is_(None), SourceRow.walk < walk.mark),
            )
            self._connection.execute(update(SourceRow).where(*met).values(walk=walk.mark))

    def _without_source(self, closed: Sequence[int]) -> list[int]:
        """Return the active images of these closed sources that have no open one."""
        left = exists().where(SourceRow.image_id == ImageRow.id, SourceRow.closed_at.is_(None))
        images = select(SourceRow.image_id).where(SourceRow.id.in_(closed))
        return self._ids_where(
            ImageRow, ImageRow.id.in_(images), ImageRow.removed_at.is_(None), ~left
        )
