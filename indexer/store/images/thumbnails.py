"""Thumbnails: small copies of images, where the settings allowed to keep them."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Select, select

from indexer.store.models import ImageRow, ThumbnailRow
from indexer.store.queries import Queries
from indexer.store.sql_parameters import possible_ids


class Thumbnails(Queries):
    """The thumbnails within one transaction."""

    def get_many(self, image_ids: Iterable[int]) -> dict[int, bytes]:
        """Return the thumbnails of active images as JPEGs, by image id; not every image has one."""
        statement = (
            select(ThumbnailRow.image_id, ThumbnailRow.jpeg)
            .join(ImageRow, ImageRow.id == ThumbnailRow.image_id)
            .where(ImageRow.removed_at.is_(None))
        )
        rows = self._rows(statement, ThumbnailRow.image_id, possible_ids(image_ids))
        return {row.image_id: row.jpeg for row in rows}

    def get_features(self, image_ids: Iterable[int]) -> dict[int, bytes]:
        """Return the local features of active images as they were packed, by image id.

        Images without a thumbnail have none, nor have those added before features were kept.
        """
        statement = (
            select(ThumbnailRow.image_id, ThumbnailRow.features)
            .join(ImageRow, ImageRow.id == ThumbnailRow.image_id)
            .where(ImageRow.removed_at.is_(None), ThumbnailRow.features.is_not(None))
        )
        rows = self._rows(statement, ThumbnailRow.image_id, possible_ids(image_ids))
        return {row.image_id: row.features for row in rows}

    def ids(self, image_ids: Iterable[int]) -> set[int]:
        """Return the images that have a thumbnail."""
        return self._ids(select(ThumbnailRow.image_id), image_ids)

    def complete_ids(self, image_ids: Iterable[int]) -> set[int]:
        """Return the images that have a thumbnail and its local features."""
        kept = ThumbnailRow.features.is_not(None)
        return self._ids(select(ThumbnailRow.image_id).where(kept), image_ids)

    def _ids(self, statement: Select[Any], image_ids: Iterable[int]) -> set[int]:
        rows = self._rows(statement, ThumbnailRow.image_id, possible_ids(image_ids))
        return {row[0] for row in rows}
