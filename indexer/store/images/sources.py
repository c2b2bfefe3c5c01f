"""Sources: what is known of a file, and which files are no longer met."""

from collections.abc import Iterable
from time import time_ns

from sqlalchemy import ColumnElement, func, literal, or_, select

from indexer.store.models import ImageRow, SourceRow
from indexer.store.models.columns import AnyText
from indexer.store.queries import Queries
from indexer.store.sql_parameters import chunks, uri_digest
from indexer.store.values import OpenSource, Walk
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


def begins_with(prefix: str) -> ColumnElement[bool]:
    """Make the condition that a source's URI begins so; case matters, unlike with LIKE."""
    begins = literal(prefix, AnyText())
    start = func.substr(SourceRow.uri, 1, func.length(begins), type_=AnyText())
    return start == begins
