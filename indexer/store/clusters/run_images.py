"""Statement of the images of a cluster run."""

from typing import Any

from sqlalchemy import Select, and_, select

from indexer.store.images.rows import WHOLE
from indexer.store.models import ClassificationRow, ClusterMemberRow, ImageRow
from indexer.types import Space


def images_of_run(run_id: int, space: Space, *columns: Any) -> Select[*tuple[Any, ...]]:
    """Select columns of the images of a run that are still there, by ascending id.

    Parameters
    ----------
    run_id : int
    space : Space
        The one whose classes are joined: `ClassificationRow` is null for images without them.
    *columns
        Of members, images and classifications.
    """
    table = ClusterMemberRow
    return (
        select(*columns)
        .select_from(table)
        .join(ImageRow, ImageRow.id == table.image_id)
        .outerjoin(
            ClassificationRow,
            and_(
                ClassificationRow.image_id == table.image_id,
                ClassificationRow.space_id == space.id,
                ClassificationRow.part == WHOLE,
            ),
        )
        .where(table.run_id == run_id, ImageRow.removed_at.is_(None))
        .order_by(table.image_id)
    )
