"""Family discs: the members of a family around its hub on the map."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from indexer.reports.landmark_map import LandmarkMap
from indexer.reports.map import Places
from indexer.store import ClusterReach
from indexer.types import Embeddings, Keys

_RADIUS: Final = 0.1  # of the disc of one image, in gaps between landmarks


@dataclass(frozen=True, slots=True)
class FamilyDiscs:
    """A disc for each family: its area is by the size, its middle the place of the hub.

    How far a member lies from the middle is by its cosine distance from the hub, in which direction
    by its difference from it along the principal axes. Copies of a picture can be far apart by
    their embeddings, and found by other evidence: drawn by the embedding alone, a family would lie
    scattered over the map.
    """

    plane: LandmarkMap
    cluster_ids: Keys
    """(c,), ascending"""
    middles: Places
    """(c, 2), of the hubs on the map"""
    flat: Places
    """(c, 2), of the hubs along the principal axes"""
    reaches: NDArray[np.float64]
    """(c,), cosine distance of the farthest member from the hub"""
    radii: NDArray[np.float64]
    """(c,), of the discs on the map"""

    @classmethod
    def of(cls, plane: LandmarkMap, reach: ClusterReach, sizes: Mapping[int, int]) -> Self:
        """Lay out the discs of a run.

        Parameters
        ----------
        plane : LandmarkMap
        reach : ClusterReach
        sizes : mapping of int to int
            Members, by cluster id.
        """
        members = np.array([sizes.get(int(i), 1) for i in reach.cluster_ids], np.float64)
        return cls(
            plane=plane,
            cluster_ids=reach.cluster_ids,
            middles=plane.place(reach.medoids),
            flat=plane.axes.place(reach.medoids),
            reaches=reach.radii,
            radii=_RADIUS * plane.gap * np.sqrt(members),
        )

    def place(
        self, vectors: Embeddings, cluster_ids: Keys, distances: NDArray[np.float64]
    ) -> Places:
        """Lay members on the discs of their families.

        Parameters
        ----------
        vectors : ndarray of shape (n, d), float32, unit rows
        cluster_ids : ndarray of shape (n,), int64
            Of families of the run.
        distances : ndarray of shape (n,), float64
            Cosine distances from the hubs.

        Returns
        -------
        ndarray of shape (n, 2), float32
        """
        disc = np.searchsorted(self.cluster_ids, cluster_ids)
        beside = (self.plane.axes.place(vectors) - self.flat[disc]).astype(np.float64)
        lengths = np.linalg.norm(beside, axis=1, keepdims=True)
        directions = np.divide(beside, lengths, out=np.zeros_like(beside), where=lengths > 0)
        farthest = self.reaches[disc]
        shares = np.divide(distances, farthest, out=np.zeros_like(distances), where=farthest > 0)
        away = self.radii[disc] * np.clip(shares, 0, 1)
        places: Places = (self.middles[disc] + away[:, None] * directions).astype(np.float32)
        return places
