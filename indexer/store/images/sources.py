"""Sources: what is known of a file, and which files are no longer met."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from time import time_ns

from sqlalchemy import exists, func, or_, select, update
from sqlalchemy.orm import InstrumentedAttribute

from indexer.store.edits import Edits, Transaction
from indexer.store.images.image_edits import ImageEdits
from indexer.store.images.selection import begins_with
from indexer.store.models import ImageRow, SourceRow
from indexer.store.queries import Queries
from indexer.store.sql_parameters import chunks, possible_ids, uri_digest
from indexer.store.values import CloseOutcome, OpenSource, Walk
from indexer.types import KnownSource


class Sources(Queries):
    """The sources within one transaction."""

    def known(self, uris: Iterable[str]) -> dict[str, KnownSource]:
        """Return what is remembered of those URIs that are open sources of active images."""
        by_digest = {uri_digest(uri): uri for uri in uris}
        known = {}
        for digests in chunks(by_digest):
            statement = (
                select(SourceRow.uri_sha256, SourceRow.image_id, SourceRow.size, SourceRow.version)
                .join(ImageRow, ImageRow.id == SourceRow.image_id)
                .where(
                    SourceRow.uri_sha256.in_(digests),
                    SourceRow.closed_at.is_(None),
                    ImageRow.removed_at.is_(None),
                )
            )
            for digest, image_id, size, version in self._connection.execute(statement):
                known[by_digest[digest]] = KnownSource(image_id, size, version)
        return known

    def begin_walk(self) -> Walk:
        """Begin a pass over sources: `SourceEdits.mark_walked` notes what it meets.

        After the walk is complete, `page(..., not_met_by=walk)` are the ones that are gone.
        Nothing has to be cleaned up when a walk is given up. Of two walks at once the one with the
        later mark wins, and what it met counts as met by the other: nothing is taken for gone that
        either of them saw.
        """
        last: int | None = self._connection.scalar(select(func.max(SourceRow.id)))
        return Walk(mark=time_ns(), last_source=last or 0)

    def page(
        self, prefix: str, *, not_met_by: Walk | None = None, after_id: int = 0, limit: int = 1000
    ) -> list[OpenSource]:
        """Return a page of the open sources whose URI begins with `prefix`, ordered by id.

        All pages together cost one pass over the table of sources.

        Parameters
        ----------
        prefix : str
            Case matters. For a folder or a shard with its separator (`/photos/`,
            `/shard.tar!/`): `/photos` begins `/photos-2024/1.jpg` too.
        not_met_by : Walk, optional
            Only sources that were open when the walk began and that it did not meet.
        after_id : int
            Last id of the page before.
        limit : int
            Most sources of a page.
        """
        statement = (
            select(SourceRow.id, SourceRow.uri, SourceRow.image_id)
            .where(SourceRow.id > after_id, SourceRow.closed_at.is_(None), begins_with(prefix))
            .order_by(SourceRow.id)
            .limit(limit)
        )
        if not_met_by is not None:
            statement = statement.where(
                SourceRow.id <= not_met_by.last_source,
                or_(SourceRow.walk.is_(None), SourceRow.walk < not_met_by.mark),
            )
        return [OpenSource(*row) for row in self._connection.execute(statement)]

    def labels(self, image_ids: Iterable[int]) -> dict[int, set[str]]:
        """Return the labels that manifests gave images, by id; open sources count."""
        return self._said_of(SourceRow.label, image_ids)

    def uploaders(self, image_ids: Iterable[int]) -> dict[int, set[str]]:
        """Return who uploaded images, as manifests say, by id; open sources count."""
        return self._said_of(SourceRow.uploader, image_ids)

    def _said_of(
        self, column: InstrumentedAttribute[str | None], image_ids: Iterable[int]
    ) -> dict[int, set[str]]:
        found: defaultdict[int, set[str]] = defaultdict(set)
        statement = select(SourceRow.image_id, column.label("said")).where(
            SourceRow.closed_at.is_(None)
        )
        for image_id, said in self._rows(statement, SourceRow.image_id, possible_ids(image_ids)):
            if said is not None:
                found[image_id].add(said)
        return dict(found)


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
