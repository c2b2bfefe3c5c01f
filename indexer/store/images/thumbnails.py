"""Thumbnails: small copies of images, where the settings allowed to keep them."""

from collections.abc import Iterable
from typing import Final

from sqlalchemy import select

from indexer.store.models import ImageRow, ThumbnailRow
from indexer.store.queries import IDS, Queries
from indexer.store.sql_parameters import possible_ids

_JPEGS: Final = (
    select(ThumbnailRow.image_id, ThumbnailRow.jpeg)
    .join(ImageRow, ImageRow.id == ThumbnailRow.image_id)
    .where(ImageRow.removed_at.is_(None), ThumbnailRow.image_id.in_(IDS))
)


class Thumbnails(Queries):
    """The thumbnails within one transaction."""

    def get_many(self, image_ids: Iterable[int]) -> dict[int, bytes]:
        """Return the thumbnails of active images as JPEGs, by image id; not every image has one."""
        return {row.image_id: row.jpeg for row in self._rows_of(_JPEGS, image_ids)}

    def ids(self, image_ids: Iterable[int]) -> set[int]:
        """Return the images that have a thumbnail."""
        statement = select(ThumbnailRow.image_id)
        rows = self._rows(statement, ThumbnailRow.image_id, possible_ids(image_ids))
        return {row.image_id for row in rows}
