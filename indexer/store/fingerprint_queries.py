"""Reading the fingerprints of images, and nothing else of them."""

from collections.abc import Iterable

from sqlalchemy import select

from indexer.store.models import ImageRow
from indexer.store.parameters import chunks, possible_ids
from indexer.store.queries import Queries
from indexer.store.values import ImageFingerprints
from indexer.types import Pdq


class FingerprintQueries(Queries):
    """The fingerprints of images within one transaction; `Catalog` has the rest."""

    def image_fingerprints(self, ids: Iterable[int]) -> dict[int, ImageFingerprints]:
        """Return the fingerprints of the active images among `ids`, by id, ascending."""
        image = ImageRow.__table__.c
        columns = (image.id, image.sha256, image.md5, image.pdq, image.pdq_quality)
        return {
            image_id: ImageFingerprints(sha256, md5, Pdq(pdq, quality))
            for chunk in chunks(possible_ids(ids))
            for image_id, sha256, md5, pdq, quality in self._connection.execute(
                select(*columns)
                .where(ImageRow.id.in_(chunk), ImageRow.removed_at.is_(None))
                .order_by(ImageRow.id)
            )
        }
