"""Image columns: the images of a run as arrays, read in bounded memory, with their places."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from indexer.reports.family_discs import FamilyDiscs
from indexer.reports.landmark_map import LandmarkMap
from indexer.reports.map import Axes, Places, find_axes
from indexer.store import Catalog, ClusterReach
from indexer.types import ClusterRun, Embeddings, Keys, Space

_SAMPLED: Final = 50_000  # images that the axes of the map are found by
_NOISE: Final = -1


@dataclass(frozen=True, slots=True)
class Columns:
    """The images of a run that are still there, by ascending id, (n,) each."""

    image_ids: Keys
    cluster_ids: Keys
    """-1 for noise."""
    probabilities: NDArray[np.float64]
    outlier_scores: NDArray[np.float64]
    assigned: NDArray[np.bool_]
    distances: NDArray[np.float64]
    """Cosine distance from the medoid; NaN for noise."""
    places: NDArray[np.float32]
    """(n, 2), on the map."""
    added_at: tuple[datetime, ...]
    labels: tuple[str | None, ...]

    def rows_of_clusters(self) -> dict[int, NDArray[np.int64]]:
        """Return the rows of each cluster's members, ascending, by cluster id."""
        order = np.argsort(self.cluster_ids, kind="stable")
        ids, starts = np.unique(self.cluster_ids[order], return_index=True)
        ends = [*starts[1:], len(order)]
        return {
            int(cluster_id): order[start:end]
            for cluster_id, start, end in zip(ids, starts, ends[: len(ids)], strict=True)
            if cluster_id != _NOISE
        }


@dataclass(frozen=True, slots=True)
class Placement:
    """How the images of a run are laid on the map."""

    plane: LandmarkMap | Axes
    discs: FamilyDiscs | None = None

    def place(
        self, vectors: Embeddings, cluster_ids: Keys, distances: NDArray[np.float64]
    ) -> Places:
        """Lay images on the map: members of families on their discs, all others by themselves."""
        if self.discs is None:
            return self.plane.place(vectors)
        places = np.empty((len(vectors), 2), np.float32)
        member = cluster_ids != _NOISE
        places[~member] = self.plane.place(vectors[~member])
        places[member] = self.discs.place(vectors[member], cluster_ids[member], distances[member])
        return places


def principal_axes(
    catalog: Catalog,
    run: ClusterRun,
    space: Space,
    on_progress: Callable[[int], None] = lambda _count: None,
) -> Axes:
    """Find the two widest directions of a run's images, of 50,000 of them at most.

    Parameters
    ----------
    catalog : Catalog
    run : ClusterRun
    space : Space
    on_progress : callable
        Called with the number of images read since the last call.
    """
    step = max(run.images // _SAMPLED, 1)

    def sampled() -> Iterator[Embeddings]:
        seen = 0
        for part in catalog.cluster_reports.members(run.id, space):
            yield part.vectors[-seen % step :: step]
            seen += len(part.vectors)
            on_progress(len(part.vectors))

    return find_axes(sampled(), catalog.cluster_reports.dimension(run.id, space))


def read_columns(
    catalog: Catalog,
    reach: ClusterReach,
    space: Space,
    placement: Placement,
    on_progress: Callable[[int], None] = lambda _count: None,
) -> Columns:
    """Read the images of a run, and lay them on the map.

    No more than some thousand vectors are in memory at a time.

    Parameters
    ----------
    catalog : Catalog
    reach : ClusterReach
        The clusters of the run.
    space : Space
    placement : Placement
    on_progress : callable
        Called with the number of images read since the last call.
    """
    parts = []
    for part in catalog.cluster_reports.members(reach.run_id, space):
        distances = distances_from_medoids(part.vectors, part.cluster_ids, reach)
        parts.append(
            Columns(
                image_ids=part.image_ids,
                cluster_ids=part.cluster_ids,
                probabilities=part.probabilities,
                outlier_scores=part.outlier_scores,
                assigned=part.assigned,
                distances=distances,
                places=placement.place(part.vectors, part.cluster_ids, distances),
                added_at=part.added_at,
                labels=part.labels,
            )
        )
        on_progress(len(part.vectors))
    return _joined(parts)


def distances_from_medoids(
    vectors: Embeddings, cluster_ids: Keys, reach: ClusterReach
) -> NDArray[np.float64]:
    """Return the cosine distance of images from the medoids of their clusters.

    Parameters
    ----------
    vectors : ndarray of shape (n, d), float32, unit rows
    cluster_ids : ndarray of shape (n,), int64
        -1 for noise.
    reach : ClusterReach
        The clusters of the run.

    Returns
    -------
    ndarray of shape (n,), float64
        NaN for noise.
    """
    distances = np.full(len(vectors), np.nan)
    member = np.flatnonzero(cluster_ids != _NOISE)
    if not len(member):
        return distances
    medoids = reach.medoids[np.searchsorted(reach.cluster_ids, cluster_ids[member])]
    cosines = np.einsum("nd,nd->n", vectors[member], medoids)
    distances[member] = np.clip(1 - cosines, 0, 2)
    return distances


def _joined(parts: list[Columns]) -> Columns:
    def numbers(name: str, dtype: type) -> NDArray[np.generic]:
        arrays = [getattr(part, name) for part in parts]
        return np.concatenate(arrays) if arrays else np.zeros(0, dtype)

    return Columns(
        image_ids=numbers("image_ids", np.int64).astype(np.int64),
        cluster_ids=numbers("cluster_ids", np.int64).astype(np.int64),
        probabilities=numbers("probabilities", np.float64).astype(np.float64),
        outlier_scores=numbers("outlier_scores", np.float64).astype(np.float64),
        assigned=numbers("assigned", np.bool_).astype(np.bool_),
        distances=numbers("distances", np.float64).astype(np.float64),
        places=numbers("places", np.float32).astype(np.float32).reshape(-1, 2),
        added_at=tuple(moment for part in parts for moment in part.added_at),
        labels=tuple(label for part in parts for label in part.labels),
    )
