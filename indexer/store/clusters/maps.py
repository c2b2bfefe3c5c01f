"""Maps: where the landmarks of each space are, and what the points of a run's map are."""

import numpy as np
from sqlalchemy import func, select

from indexer.store.banks.conditions import ACTIVE
from indexer.store.cluster_values import Landmarks, MapPoints, MapState
from indexer.store.clusters.run_images import images_of_run
from indexer.store.edits import Edits
from indexer.store.log.changes import Changes
from indexer.store.models import (
    BankRow,
    ClassificationRow,
    ClusterActionRow,
    ClusterMemberRow,
    EntryRow,
    ImageRow,
    MapRow,
    SpaceRow,
)
from indexer.store.queries import Queries
from indexer.types import ClusterRun, Keys, Space

_READ_AT_ONCE = 10_000  # rows


class Maps(Queries):
    """The maps of the embedding spaces within one transaction."""

    def get(self, space_id: int) -> Landmarks | None:
        """Return the landmarks of a space; None before its map is first needed."""
        columns = (MapRow.landmark_ids, MapRow.places, MapRow.images, MapRow.created_at)
        statement = select(*columns).where(MapRow.space_id == space_id)
        row = self._connection.execute(statement).first()
        if row is None:
            return None
        return Landmarks(
            image_ids=np.frombuffer(row.landmark_ids, "<i8"),
            places=np.frombuffer(row.places, "<f4").reshape(-1, 2),
            images=row.images,
            created_at=row.created_at,
        )

    def state(self, run: ClusterRun, space: Space, map_id: int) -> MapState:
        """Return the state of a run's map: two that are equal show the same.

        Parameters
        ----------
        run : ClusterRun
        space : Space
            The one that the run was made in.
        map_id : int
            The space whose map its images are laid on.
        """
        execute, action = self._connection.execute, ClusterActionRow
        images = select(func.count()).select_from(ClusterMemberRow)
        images = images.join(ImageRow, ImageRow.id == ClusterMemberRow.image_id)
        images = images.where(ClusterMemberRow.run_id == run.id, ImageRow.removed_at.is_(None))
        last, undone = execute(select(func.max(action.id), func.count(action.undone_at))).one()
        laid_out = select(MapRow.created_at).where(MapRow.space_id == map_id)
        return MapState(
            images=execute(images).scalar_one(),
            bank_change=Changes(self._connection).last_of_banks(),
            action=last or 0,
            undone=undone,
            classifier=execute(
                select(SpaceRow.classifier).where(SpaceRow.id == space.id)
            ).scalar_one(),
            landmarks_at=execute(laid_out).scalar(),
        )

    def points(self, run_id: int, space: Space) -> MapPoints:
        """Return the images of a run that are still there, without their vectors.

        Parameters
        ----------
        run_id : int
        space : Space
            The one whose classes are wanted.
        """
        table = ClusterMemberRow
        statement = images_of_run(
            run_id,
            space,
            table.image_id,
            func.coalesce(table.cluster_id, -1),
            ImageRow.created_at,
            ClassificationRow.top_label,
        ).execution_options(yield_per=_READ_AT_ONCE)
        codes: dict[str | None, int] = {None: -1}
        parts = [np.zeros((0, 4))]
        for rows in self._connection.execute(statement).partitions():
            found = [
                (image_id, cluster_id, at.timestamp(), codes.setdefault(label, len(codes) - 1))
                for image_id, cluster_id, at, label in rows
            ]
            parts.append(np.array(found, np.float64))
        ids, clusters, added_at, labels = np.concatenate(parts).T
        return MapPoints(
            image_ids=ids.astype(np.int64),
            cluster_ids=clusters.astype(np.int64),
            added_at=added_at,
            label_codes=labels.astype(np.int64),
            labels=tuple(label for label in codes if label is not None),
        )

    def banked(self, run_id: int) -> tuple[Keys, Keys]:
        """Return which images of a run are in which banks: ids of both, (m,) each.

        Disabled entries count, removed ones do not. An image comes once for each bank.
        """
        statement = (
            select(EntryRow.image_id, EntryRow.bank_id)
            .join(ClusterMemberRow, ClusterMemberRow.image_id == EntryRow.image_id)
            .join(BankRow, BankRow.id == EntryRow.bank_id)
            .where(ClusterMemberRow.run_id == run_id, ACTIVE, BankRow.removed_at.is_(None))
            .distinct()
            .order_by(EntryRow.image_id, EntryRow.bank_id)
        )
        pairs = np.array([tuple(row) for row in self._connection.execute(statement)], np.int64)
        images, banks = pairs.reshape(-1, 2).T
        return images, banks


class MapEdits(Maps, Edits):
    """The maps within a writing transaction."""

    def keep(self, space_id: int, landmarks: Landmarks) -> None:
        """Write the landmarks of a space in place of those that are there."""
        columns = {
            "images": landmarks.images,
            "landmark_ids": landmarks.image_ids.astype("<i8").tobytes(),
            "places": landmarks.places.astype("<f4").tobytes(),
            "created_at": landmarks.created_at,
        }
        self._replace(MapRow, {"space_id": space_id}, columns)
