"""Assignment of vectors to clusters of a finished run."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from indexer.store import ClusterReach, Store
from indexer.types import ClusterAlgorithm, ClusterScope, Embeddings, Space, VerdictCluster

_STEP: Final = 4096  # vectors compared at a time
_ROUNDING: Final = 1e-6  # of a cosine in float32


@dataclass(frozen=True, slots=True)
class Assignment:
    """Where vectors belong."""

    cluster_ids: NDArray[np.int64]  # (n,); -1 for none
    similarities: NDArray[np.float32]  # (n,), cosine to the nearest medoid; -1 where there is none


def assign(vectors: Embeddings, reach: ClusterReach) -> Assignment:
    """Assign each vector to the cluster of the nearest medoid whose radius it lies within.

    A cluster takes nothing in that is farther from its medoid than its farthest member was when it
    was found, so assigning never widens it.

    Parameters
    ----------
    vectors : ndarray of shape (n, d), float32, unit rows
    reach : ClusterReach
    """
    ids = np.full(len(vectors), -1, np.int64)
    similarities = np.full(len(vectors), -1, np.float32)
    if not len(reach.cluster_ids):
        return Assignment(ids, similarities)
    least = (1 - reach.radii - _ROUNDING).astype(np.float32)
    for start in range(0, len(vectors), _STEP):
        part = slice(start, start + _STEP)
        cosines = np.clip(vectors[part] @ reach.medoids.T, -1, 1)
        within = np.where(cosines >= least, cosines, np.float32(-2))
        nearest = within.argmax(axis=1)
        best = np.take_along_axis(within, nearest[:, np.newaxis], 1)[:, 0]
        ids[part] = np.where(best >= -1, reach.cluster_ids[nearest], -1)
        similarities[part] = np.where(best >= -1, best, np.float32(-1))
    return Assignment(ids, similarities)


class NewestClusters:
    """The clusters of the newest run over all images of a space, for single vectors.

    What is held is swapped whole, so that queries never see half of a run.
    """

    def __init__(self, store: Store, space: Space) -> None:
        self._store = store
        self._space = space
        self._reach: ClusterReach | None = None

    def refresh(self) -> None:
        """Look whether a newer run is done, by one small query, and read its clusters if so."""
        with self._store.reader() as catalog:
            run = catalog.cluster_runs.newest(
                self._space.id, ClusterAlgorithm.HDBSCAN, ClusterScope()
            )
            if run is None:
                self._reach = None
            elif self._reach is None or self._reach.run_id != run.id:
                self._reach = catalog.clusters.reach(run.id)

    def find(self, vector: Embeddings) -> VerdictCluster | None:
        """Return the cluster that a vector belongs to, by the name that it has now.

        The database is asked for that name alone, and only where there is a cluster.

        Parameters
        ----------
        vector : ndarray of shape (d,), float32, of length 1
        """
        reach = self._reach
        if reach is None:
            return None
        found = assign(vector[np.newaxis], reach)
        cluster_id = int(found.cluster_ids[0])
        if cluster_id < 0:
            return None
        with self._store.reader() as catalog:
            name = catalog.clusters.name(cluster_id)
        return VerdictCluster(cluster_id, name, reach.run_id, float(found.similarities[0]))
