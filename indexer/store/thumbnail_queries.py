"""Reading thumbnails: small copies of images, where the settings allowed to keep them."""

from collections.abc import Iterable

from sqlalchemy import select

from indexer.store.models import ImageRow, ThumbnailRow
from indexer.store.parameters import chunks, possible_ids
from indexer.store.queries import Queries


class ThumbnailQueries(Queries):
    """Thumbnails within one transaction; `Catalog` has the rest."""

    def thumbnails(self, image_ids: Iterable[int]) -> dict[int, bytes]:
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

    def ids_with_thumbnail(self, image_ids: Iterable[int]) -> set[int]:
        """Return the images that have a thumbnail."""
        found: set[int] = set()
        for chunk in chunks(possible_ids(image_ids)):
            statement = select(ThumbnailRow.image_id).where(ThumbnailRow.image_id.in_(chunk))
            found.update(self._connection.scalars(statement))
        return found
