"""Thumbnails: small copies of images, where the settings allowed to keep them."""

from collections.abc import Iterable

from sqlalchemy import select

from indexer.store.models import ImageRow, ThumbnailRow
from indexer.store.queries import Queries
from indexer.store.sql_parameters import chunks, possible_ids


class Thumbnails(Queries):
    """The thumbnails within one transaction."""

    def get_many(self, image_ids: Iterable[int]) -> dict[int, bytes]:
        """Return the thumbnails of active images as JPEGs, by image id; not every image has one."""
        found: dict[int, bytes] = {}
        for chunk in chunks(possible_ids(image_ids)):
            statement = (
                select(ThumbnailRow.image_id, ThumbnailRow.jpeg)
                .join(ImageRow, ImageRow.id == ThumbnailRow.image_id)
                .where(ThumbnailRow.image_id.in_(chunk), ImageRow.removed_at.is_(None))
            )
            found.update(self._connection.execute(statement).all())
        return found

    def ids(self, image_ids: Iterable[int]) -> set[int]:
        """Return the images that have a thumbnail."""
        found: set[int] = set()
        for chunk in chunks(possible_ids(image_ids)):
            statement = select(ThumbnailRow.image_id).where(ThumbnailRow.image_id.in_(chunk))
            found.update(self._connection.scalars(statement))
        return found
