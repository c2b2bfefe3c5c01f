"""Local features: what is verified of images, where the settings allowed to keep it."""

from collections.abc import Iterable
from typing import Final

from sqlalchemy import exists, or_, select

from indexer.store.models import ImageRow, LocalFeaturesRow, ThumbnailRow
from indexer.store.queries import IDS, Queries
from indexer.store.sql_parameters import possible_ids

_PACKED: Final = (
    select(LocalFeaturesRow.image_id, LocalFeaturesRow.packed)
    .join(ImageRow, ImageRow.id == LocalFeaturesRow.image_id)
    .where(ImageRow.removed_at.is_(None), LocalFeaturesRow.image_id.in_(IDS))
)


class LocalFeatures(Queries):
    """The local features within one transaction."""

    def get_many(self, image_ids: Iterable[int]) -> dict[int, bytes]:
        """Return the local features of active images as they were packed, by image id.

        Not every image has some.
        """
        return {row.image_id: row.packed for row in self._rows_of(_PACKED, image_ids)}

    def ids(self, image_ids: Iterable[int]) -> set[int]:
        """Return the images that have local features."""
        statement = select(LocalFeaturesRow.image_id)
        rows = self._rows(statement, LocalFeaturesRow.image_id, possible_ids(image_ids))
        return {row.image_id for row in rows}

    def count_lacking(self) -> int:
        """Count the active images that have neither features nor a thumbnail to find them in."""
        kept = [
            exists().where(table.image_id == ImageRow.id)
            for table in (LocalFeaturesRow, ThumbnailRow)
        ]
        return self._count(ImageRow, ImageRow.removed_at.is_(None), ~or_(*kept))
