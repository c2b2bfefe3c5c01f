"""Facts of a report about one cluster."""

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from indexer.reports.report_data import Material
from indexer.reports.report_tree import ClusterReport, Picture, Within
from indexer.reports.shares import classes_of, days_of, hours_of, spread_of
from indexer.types import Cluster, Lineage, place_of

DISTANCES: Final = (0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 0.8)
"""Cosine distances from the medoid at which a report says what would be left."""
_OUTLIERS: Final = 5  # of each cluster
_LEAST: Final = 2  # members that make a cluster
_DIGITS: Final = 6  # of a distance


def describe(
    cluster: Cluster, rows: NDArray[np.int64], change: Lineage | None, material: Material
) -> ClusterReport:
    """Describe a cluster, without its pictures' thumbnails.

    Parameters
    ----------
    cluster : Cluster
    rows : ndarray of shape (m,), int64
        The rows of its members in the columns of the material; none when all have left the index.
    change : Lineage, optional
        What became of it since the run before.
    material : Material
    """
    columns = material.columns
    distances = columns.distances[rows]
    sources = [material.sources.get(int(i)) for i in columns.image_ids[rows]]
    shown = _Pictures(rows, material)
    return ClusterReport(
        id=cluster.id,
        name=cluster.name,
        note=cluster.note,
        size=cluster.size,
        growth_per_day=cluster.growth_per_day,
        growth_per_hour=cluster.growth_per_hour,
        growth=days_of(columns.added_at[row] for row in rows),
        hours=hours_of(columns.added_at[row] for row in rows) if material.is_young else (),
        first_seen=cluster.first_seen,
        last_seen=cluster.last_seen,
        event=change.event if change else None,
        size_before=change.size_before if change else None,
        classes=classes_of(columns.labels[row] for row in rows),
        banks=material.banks.get(cluster.id, ()),
        nearest_entries=material.nearest.get(cluster.id, ()),
        sources=spread_of(place_of(source[0]) if source else None for source in sources),
        uploaders=spread_of(source[1] if source else None for source in sources),
        radius=round(cluster.radius, _DIGITS),
        max_pair_distance=round(cluster.max_pair_distance, _DIGITS),
        mean_distance=round(float(distances.mean()), _DIGITS) if len(rows) else 0.0,
        within=within([distances]),
        medoid=shown.of(cluster.medoid),
        exemplars=tuple(shown.of(i) for i in cluster.exemplars if i != cluster.medoid),
        outliers=tuple(shown.of(int(columns.image_ids[row])) for row in _outliers(rows, material)),
    )


def within(distances: Iterable[NDArray[np.float64]]) -> tuple[Within, ...]:
    """Say how much of some clusters lies within smaller distances of their medoids.

    Distances beyond the farthest member say nothing new and are left out.

    Parameters
    ----------
    distances : iterable of ndarray of shape (m,), float64
        The cosine distances of each cluster's members.
    """
    clusters = [np.sort(each) for each in distances if len(each)]
    farthest = max((float(each[-1]) for each in clusters), default=0.0)
    beyond = [place for place, bound in enumerate(DISTANCES) if bound >= farthest]
    bounds = DISTANCES[: beyond[0] + 1] if beyond else DISTANCES
    return tuple(_within(clusters, bound) for bound in bounds) if clusters else ()


def _within(clusters: Sequence[NDArray[np.float64]], bound: float) -> Within:
    counts = [int(np.searchsorted(each, bound, side="right")) for each in clusters]
    kept = [count for count in counts if count >= _LEAST]
    return Within(bound, sum(kept), len(kept))


def _outliers(rows: NDArray[np.int64], material: Material) -> NDArray[np.int64]:
    columns = material.columns
    order = np.lexsort((-columns.distances[rows], -columns.outlier_scores[rows]))
    return rows[order[:_OUTLIERS]]


class _Pictures:
    """The members of a cluster by their ids."""

    def __init__(self, rows: NDArray[np.int64], material: Material) -> None:
        self._material = material
        self._rows = dict(
            zip(material.columns.image_ids[rows].tolist(), rows.tolist(), strict=True)
        )

    def of(self, image_id: int) -> Picture:
        """Describe an image, which may have left the index."""
        row = self._rows.get(image_id)
        if row is None:
            return Picture(image_id, None, None, 0.0)
        columns = self._material.columns
        return Picture(
            image_id=image_id,
            source=self._material.sources.get(image_id, (None, None))[0],
            distance=round(float(columns.distances[row]), _DIGITS),
            outlier_score=round(float(columns.outlier_scores[row]), _DIGITS),
        )
