"""Taking images and sources away: out of sight, or out of the database for good."""

from collections.abc import Iterable, Sequence

from sqlalchemy import delete, exists, or_, select, update

from indexer.store.auditing import named, only
from indexer.store.edits import Edits
from indexer.store.entry_conditions import ACTIVE
from indexer.store.models import (
    AnswerRow,
    ClassificationRow,
    DecisionRow,
    EmbeddingRow,
    EntryRow,
    ImageRow,
    PartRow,
    QuarantineRow,
    SourceRow,
    ThumbnailRow,
)
from indexer.store.parameters import chunks, possible_ids, uri_digest
from indexer.store.rows import ERASED
from indexer.store.values import CloseOutcome, RemovedBy, Walk


class Removing(Edits):
    """What takes from the gallery; `Writer` has the rest."""

    def remove_images(self, ids: Iterable[int]) -> int:
        """Remove images, their sources, entries and thumbnails; return how many were active.

        Ids that no active image has are passed over.
        """
        removed = self._remove_images(ids)
        if removed:
            self._audit("image.remove", "image", only(removed), **named(removed))
        return len(removed)

    def _remove_images(self, ids: Iterable[int]) -> list[int]:
        """Remove images; return those that were active."""
        removed = list[int]()
        for chunk in chunks(possible_ids(ids)):
            active = self._ids_where(
                ImageRow, ImageRow.id.in_(chunk), ImageRow.removed_at.is_(None)
            )
            sources = self._ids_where(
                SourceRow, SourceRow.image_id.in_(active), SourceRow.closed_at.is_(None)
            )
            entries = self._ids_where(EntryRow, EntryRow.image_id.in_(active), ACTIVE)
            self._set(ImageRow, active, removed_at=self._now)
            self._set(SourceRow, sources, closed_at=self._now)
            self._log("image", "removed", active)
            self._remove_entries(entries, RemovedBy.USER)
            # Pixels, unlike fingerprints, are not kept of what is out of sight.
            self._connection.execute(delete(ThumbnailRow).where(ThumbnailRow.image_id.in_(active)))
            removed += active
        return removed

    def purge_images(self, ids: Iterable[int]) -> int:
        """Erase images, removed ones too, as the law may ask; return how many were erased.

        Embeddings, class probabilities, parts, thumbnails, fingerprints, sizes, sources with all
        that manifests said of them, and those sources in quarantine: all are deleted, as is the PDQ
        that decisions on the same bytes remember, and every answer remembered for requests that
        come again. Id, SHA-256 and the moments of adding, removing
        and purging stay as the proof; so do the log and the entries removed from banks. What is
        purged already is passed over.

        `Store.scrub` afterwards clears the database's own files of it. Snapshots of views keep the
        vectors until they are written anew.
        """
        erased = list[int]()
        for chunk in chunks(possible_ids(ids)):
            doomed = self._ids_where(ImageRow, ImageRow.id.in_(chunk), ImageRow.purged_at.is_(None))
            hidden = self._ids_where(
                ImageRow, ImageRow.id.in_(doomed), ImageRow.removed_at.is_not(None)
            )
            self._remove_images(doomed)
            self._log("image", "removed", hidden)  # so that views, too, erase what they only hid
            self._forget_sources(doomed)
            self._forget_queries(doomed)
            for table in (EmbeddingRow, ClassificationRow, PartRow, ThumbnailRow):
                self._connection.execute(delete(table).where(table.image_id.in_(doomed)))
            self._set(ImageRow, doomed, **ERASED, purged_at=self._now)
            erased += doomed
        if erased:
            self._connection.execute(delete(AnswerRow))  # any of them may tell of such an image
            self._audit("image.purge", "image", only(erased), **named(erased))
        return len(erased)

    def close_sources(self, ids: Iterable[int], *, remove_orphans: bool = False) -> CloseOutcome:
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
        removed = self.remove_images(orphans) if remove_orphans else 0
        return CloseOutcome(closed=closed, orphaned=len(orphans), removed=removed)

    def close_sources_at(self, uris: Iterable[str]) -> None:
        """Close the open sources of these URIs; their images stay in the gallery."""
        for digests in chunks(map(uri_digest, uris)):
            self.close_sources(
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

    def _forget_sources(self, image_ids: Sequence[int]) -> None:
        """Delete the sources of images, open and closed, and what quarantine holds of them."""
        of_images = SourceRow.image_id.in_(image_ids)
        digests = select(SourceRow.uri_sha256).where(of_images)
        self._connection.execute(delete(QuarantineRow).where(QuarantineRow.uri_sha256.in_(digests)))
        self._connection.execute(delete(SourceRow).where(of_images))

    def _forget_queries(self, image_ids: Sequence[int]) -> None:
        """Erase the PDQ that decisions on queries of these very bytes remember."""
        digests = select(ImageRow.sha256).where(ImageRow.id.in_(image_ids))
        self._connection.execute(
            update(DecisionRow).where(DecisionRow.query_sha256.in_(digests)).values(query_pdq=None)
        )
