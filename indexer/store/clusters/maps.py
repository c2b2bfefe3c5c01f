"""Maps: where the landmarks of each space are."""

import numpy as np
from sqlalchemy import select

from indexer.store.cluster_values import Landmarks
from indexer.store.edits import Edits
from indexer.store.models import MapRow
from indexer.store.queries import Queries


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
