"""Image removal: out of sight, or purged for good."""

from collections.abc import Iterable, Sequence
from typing import Final

from sqlalchemy import delete, select, update

from indexer.store.banks.conditions import ACTIVE
from indexer.store.banks.entry_edits import EntryEdits
from indexer.store.edits import Edits, Transaction
from indexer.store.images.images import Images
from indexer.store.images.rows import ERASED
from indexer.store.log.audit import named, only
from indexer.store.models import (
    AnswerRow,
    ClassificationRow,
    DecisionRow,
    EmbeddingRow,
    EntryRow,
    ImageRow,
    LocalFeaturesRow,
    PartRow,
    QuarantineRow,
    ReviewItemRow,
    ReviewPictureRow,
    SemanticRow,
    SourceRow,
    TemplateMemberRow,
    ThumbnailRow,
    VerdictRow,
)
from indexer.store.sql_parameters import chunks, possible_ids
from indexer.store.values import RemovedBy
from indexer.types import ReviewState

_ERASED: Final = (
    EmbeddingRow,
    SemanticRow,
    ClassificationRow,
    PartRow,
    ThumbnailRow,
    LocalFeaturesRow,
)


class ImageRemoval(Images, Edits):
    """The images within a writing transaction, as far as taking them away goes."""

    def __init__(self, transaction: Transaction, entries: EntryEdits) -> None:
        super().__init__(transaction)
        self._entries = entries

    def remove(self, ids: Iterable[int]) -> int:
        """Remove images, with sources, entries, thumbnails and local features.

        Ids that no active image has are passed over.

        Returns
        -------
        int
            How many were active.
        """
        removed = self._remove(ids)
        if removed:
            self._audit.record("image.remove", "image", only(removed), **named(removed))
        return len(removed)

    def _remove(self, ids: Iterable[int]) -> list[int]:
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
            self._log.append("image", "removed", active)
            self._entries.withdraw(entries, RemovedBy.USER)
            # Pixels, and what shows some of them, are not kept of what is out of sight.
            for table in (ThumbnailRow, LocalFeaturesRow, TemplateMemberRow):
                self._connection.execute(delete(table).where(table.image_id.in_(active)))
            self._dismiss_reviews(active)
            removed += active
        return removed

    def purge(self, ids: Iterable[int]) -> int:
        """Erase images, removed ones too, as the law may ask; return how many were erased.

        Embeddings of every kind, class probabilities, parts, thumbnails, local features,
        fingerprints, sizes, sources with all that manifests said of them, and those sources in
        quarantine: all are deleted, as is the PDQ that decisions on the same bytes remember,
        verdicts on these bytes, and every answer remembered for requests that come again. Id,
        SHA-256 and the moments of adding, removing and purging stay as the proof; so do the log and
        the entries removed from banks. What is purged already is passed over.

        `Maintenance.scrub` then clears the database's own files of it. Snapshots of views keep the
        vectors until they are written anew.
        """
        erased = list[int]()
        for chunk in chunks(possible_ids(ids)):
            doomed = self._ids_where(ImageRow, ImageRow.id.in_(chunk), ImageRow.purged_at.is_(None))
            hidden = self._ids_where(
                ImageRow, ImageRow.id.in_(doomed), ImageRow.removed_at.is_not(None)
            )
            self._remove(doomed)
            # so that views, too, erase what they only hid
            self._log.append("image", "removed", hidden)
            self._forget_sources(doomed)
            self._forget_queries(doomed)
            for table in _ERASED:
                self._connection.execute(delete(table).where(table.image_id.in_(doomed)))
            self._set(ImageRow, doomed, **ERASED, purged_at=self._now)
            erased += doomed
        if erased:
            self._connection.execute(delete(AnswerRow))  # any of them may tell of such an image
            self._audit.record("image.purge", "image", only(erased), **named(erased))
        return len(erased)

    def _dismiss_reviews(self, image_ids: Sequence[int]) -> None:
        """Let nobody review images that are out of sight."""
        reviews = update(ReviewItemRow).where(
            ReviewItemRow.image_id.in_(image_ids),
            ReviewItemRow.state == ReviewState.OPEN.value,
        )
        self._connection.execute(reviews.values(state=ReviewState.DISMISSED.value))

    def _forget_sources(self, image_ids: Sequence[int]) -> None:
        """Delete the sources of images, open and closed, and what quarantine holds of them."""
        of_images = SourceRow.image_id.in_(image_ids)
        digests = select(SourceRow.uri_sha256).where(of_images)
        self._connection.execute(delete(QuarantineRow).where(QuarantineRow.uri_sha256.in_(digests)))
        self._connection.execute(delete(SourceRow).where(of_images))

    def _forget_queries(self, image_ids: Sequence[int]) -> None:
        """Erase what is remembered of queries of these very bytes.

        That is the PDQ of decisions, verdicts, and pictures and evidence of reviews.
        """
        digests = select(ImageRow.sha256).where(ImageRow.id.in_(image_ids))
        of_bytes = ReviewItemRow.query_sha256.in_(digests)
        reviews = select(ReviewItemRow.id).where(of_bytes)
        pictures = delete(ReviewPictureRow).where(ReviewPictureRow.item_id.in_(reviews))
        self._connection.execute(pictures)
        self._connection.execute(update(ReviewItemRow).where(of_bytes).values(evidence=None))
        self._connection.execute(delete(VerdictRow).where(VerdictRow.query_sha256.in_(digests)))
        self._connection.execute(
            update(DecisionRow).where(DecisionRow.query_sha256.in_(digests)).values(query_pdq=None)
        )
