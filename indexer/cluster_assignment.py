"""Assignment of vectors to clusters of a finished run."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from indexer.store import ClusterReach, Store
from indexer.types import (
    ClusterAlgorithm,
    ClusterScope,
    Embeddings,
    SemanticEmbeddings,
    Space,
    VerdictCluster,
)

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


@dataclass(frozen=True, slots=True)
class AskedCluster:
    """A query whose cluster is looked for."""

    vector: Embeddings
    """(d,) float32, of length 1."""
    semantic: SemanticEmbeddings | None = None
    """(s,), of a picture."""
    image_id: int | None = None
    """The stored image that asks, whose semantic embedding is read."""


class NewestClusters:
    """The clusters of the newest runs over all images of a space, for single queries.

    What is held is swapped whole, so that queries never see half of a run.
    """

    def __init__(self, store: Store, space: Space) -> None:
        self._store = store
        self._space = space
        self._families: int | None = None
        self._reach: ClusterReach | None = None
        self._semantic: Space | None = None

    def refresh(self) -> None:
        """Look whether newer runs are done, by two small queries, and read what is needed if so."""
        with self._store.reader() as catalog:
            families, run = (
                catalog.cluster_runs.newest(self._space.id, algorithm, ClusterScope())
                for algorithm in (ClusterAlgorithm.FAMILIES, ClusterAlgorithm.HDBSCAN)
            )
            self._families = families.id if families else None
            if run is None:
                self._reach = None
            elif self._reach is None or self._reach.run_id != run.id:
                self._reach = catalog.clusters.reach(run.id)
                self._semantic = catalog.cluster_runs.semantic_space(run)

    def find(self, asked: AskedCluster, matched: Sequence[int] = ()) -> VerdictCluster | None:
        """Return the cluster that a query belongs to, by the name that it has now.

        That is the family of the strongest match that is in one, or else the cluster of the newest
        hdbscan run whose radius includes the query; only a picture or a stored image has the
        semantic embedding for that. The database is asked only where there may be one.

        Parameters
        ----------
        asked : AskedCluster
        matched : sequence of int
            The images that the query matches, strongest first.
        """
        return self._find_family(asked.vector, matched) or self._find_reach(asked)

    def _find_family(self, vector: Embeddings, matched: Sequence[int]) -> VerdictCluster | None:
        run_id = self._families
        if run_id is None or not matched:
            return None
        with self._store.reader() as catalog:
            found = catalog.clusters.of_images(run_id, matched)
        family = next((found[image_id] for image_id in matched if image_id in found), None)
        if family is None:
            return None
        similarity = float(np.clip(vector @ family.medoid, -1, 1))
        return VerdictCluster(family.cluster_id, family.name, run_id, similarity)

    def _find_reach(self, asked: AskedCluster) -> VerdictCluster | None:
        reach = self._reach
        vector = self._vector(asked) if reach else None
        if reach is None or vector is None:
            return None
        found = assign(vector[np.newaxis], reach)
        cluster_id = int(found.cluster_ids[0])
        if cluster_id < 0:
            return None
        with self._store.reader() as catalog:
            label = catalog.clusters.label(cluster_id)
        name = label or reach.names[int(np.searchsorted(reach.cluster_ids, cluster_id))]
        return VerdictCluster(cluster_id, name, reach.run_id, float(found.similarities[0]))

    def _vector(self, asked: AskedCluster) -> Embeddings | None:
        """Return the embedding of a query in the space of the run that reaches, if it has one."""
        semantic = self._semantic
        if semantic is None:
            return asked.vector
        if asked.semantic is not None and asked.semantic.space == semantic.fingerprint:
            return asked.semantic.vectors
        if asked.image_id is None:
            return None
        with self._store.reader() as catalog:
            return catalog.embeddings.semantic(asked.image_id, semantic.id)
