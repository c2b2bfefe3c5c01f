"""A cluster run: the images in a scope, clustered, described and matched to the run before."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import pairwise
from threading import Event
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from indexer.clustering.groups import near_duplicate_groups
from indexer.clustering.hierarchy import hdbscan
from indexer.clustering.kmeans import kmeans
from indexer.clustering.lineage import trace
from indexer.clustering.shapes import shape_of
from indexer.errors import InputError
from indexer.settings import Settings
from indexer.spaces import bound_space
from indexer.store import FoundCluster, FoundLineage, FoundMembers, ScopedVectors, Store
from indexer.types import ClusterAlgorithm, ClusterRun, ClusterScope, RunState, Space
from indexer.vectors.neighbours import find_neighbours

_NEIGHBOURS: Final = 16
"""Neighbours that the graph has of each image: enough for exact HDBSCAN's answer (ARI 0.98)."""
_ALL_PAIRS: Final = 2_000  # images up to which the graph has all of them
_DAY: Final = 86_400.0  # seconds

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class ClusterParameters:
    """How a run clusters; each algorithm heeds its own."""

    min_cluster_size: int = 5  # hdbscan: images that a cluster has at least
    min_samples: int = 5  # hdbscan: how many must lie close for a place to be dense
    max_link: float = 0.3  # hdbscan: cosine distance beyond which nothing is linked
    k: int | None = None  # kmeans: clusters; chosen when None
    max_distance: float = 0.1  # near_duplicates: largest cosine distance within a group
    seed: int = 0

    def of(self, algorithm: ClusterAlgorithm) -> dict[str, Any]:
        """Return those that an algorithm heeds.

        Raises
        ------
        InputError
            One of them is out of bounds.
        """
        if self.min_cluster_size < 2 or self.min_samples < 1:  # noqa: PLR2004 -- one is no cluster
            raise InputError(
                "A cluster has 2 images or more, and at least 1 sample decides how dense a place "
                f"is; got {self.min_cluster_size} and {self.min_samples}."
            )
        if self.k is not None and self.k < 1:
            raise InputError(f"The number of clusters is {self.k}. Give 1 or more, or none.")
        for distance in (self.max_link, self.max_distance):
            if not 0 <= distance <= 2:  # noqa: PLR2004 -- cosine distances end there
                raise InputError(f"A cosine distance lies from 0 to 2, got {distance}.")
        return {name: value for name, value in asdict(self).items() if name in _HEEDED[algorithm]}


_HEEDED: Final = {
    ClusterAlgorithm.HDBSCAN: {"min_cluster_size", "min_samples", "max_link", "seed"},
    ClusterAlgorithm.KMEANS: {"k", "seed"},
    ClusterAlgorithm.NEAR_DUPLICATES: {"max_distance", "seed"},
}


class Cancelled(Exception):
    """The run was stopped; it is caught where the run began."""


@dataclass(frozen=True, slots=True)
class _Found:
    labels: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    outlier_scores: NDArray[np.float64]


class ClusterRunner:
    """Clusters what an index holds, and remembers what came of it."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings

    def run(
        self,
        algorithm: ClusterAlgorithm,
        scope: ClusterScope,
        parameters: ClusterParameters,
        *,
        on_progress: Progress = lambda _stage, _done, _of: None,
        stop: Event | None = None,
    ) -> ClusterRun:
        """Cluster the images in a scope.

        Nothing of a run is seen before all of it is written: one that is cut off found nothing.

        Parameters
        ----------
        algorithm : ClusterAlgorithm
        scope : ClusterScope
        parameters : ClusterParameters
        on_progress : callable
            Called with the name of a stage, and how many of how many images it has done.
        stop : Event, optional
            Once it is set the run ends at the next step, as cancelled.

        Raises
        ------
        InputError
            A parameter is out of bounds.
        NotFoundError
            The scope names a bank that is not there.
        """
        heeded = parameters.of(algorithm)
        space = bound_space(self._store)
        with self._store.writer() as writer:
            run = writer.begin_cluster_run(algorithm, heeded, scope, space.id)
        try:
            return self._finish(run, space, parameters, on_progress, stop or Event())
        except Cancelled:
            return self._end(run, RunState.CANCELLED)
        except KeyboardInterrupt:
            self._end(run, RunState.CANCELLED)
            raise
        except Exception:
            self._end(run, RunState.FAILED)
            raise

    def _end(self, run: ClusterRun, state: RunState) -> ClusterRun:
        with self._store.writer() as writer:
            return writer.end_cluster_run(run.id, state)

    def _finish(
        self,
        run: ClusterRun,
        space: Space,
        parameters: ClusterParameters,
        on_progress: Progress,
        stop: Event,
    ) -> ClusterRun:
        def step(stage: str, of: int) -> Callable[[int], None]:
            done = 0

            def advance(count: int) -> None:
                nonlocal done
                if stop.is_set():
                    raise Cancelled
                done += count
                on_progress(stage, done, of)

            return advance

        with self._store.reader() as catalog:
            scoped = catalog.scoped_vectors(run.scope, space, on_progress=step("read", 0))
            before = catalog.membership(run.previous_run) if run.previous_run else None
            previous = catalog.cluster_run(run.previous_run) if run.previous_run else None
        found = self._cluster(run.algorithm, scoped, parameters, step)
        memberships = (
            dict(zip(before.image_ids.tolist(), before.cluster_ids.tolist(), strict=True))
            if before
            else {}
        )
        lineage = trace(memberships, scoped.ids.tolist(), found.labels)
        clusters = _describe(
            scoped, found.labels, lineage, previous, step("describe", len(scoped.ids))
        )
        members = FoundMembers(
            scoped.ids, *(found.labels, found.probabilities, found.outlier_scores)
        )
        with self._store.writer() as writer:
            return writer.finish_cluster_run(run.id, clusters, members, lineage)

    def _cluster(
        self,
        algorithm: ClusterAlgorithm,
        scoped: ScopedVectors,
        parameters: ClusterParameters,
        step: Callable[[str, int], Callable[[int], None]],
    ) -> _Found:
        threads, n = self._settings.worker_threads, len(scoped.ids)
        if algorithm is ClusterAlgorithm.KMEANS:
            labels = kmeans(scoped.vectors, parameters.k, seed=parameters.seed, threads=threads)
            return _Found(labels, np.ones(n), np.zeros(n))
        neighbours = find_neighbours(
            scoped.vectors,
            n if n <= _ALL_PAIRS else max(_NEIGHBOURS, parameters.min_samples),
            seed=parameters.seed,
            threads=threads,
            on_progress=step("compare", n),
        )
        if algorithm is ClusterAlgorithm.NEAR_DUPLICATES:
            bound = 1 - parameters.max_distance
            labels = near_duplicate_groups(scoped.vectors, neighbours, bound)
            return _Found(labels, (labels >= 0).astype(np.float64), np.zeros(n))
        hierarchy = hdbscan(
            neighbours,
            min_cluster_size=parameters.min_cluster_size,
            min_samples=parameters.min_samples,
            max_link=parameters.max_link,
        )
        return _Found(hierarchy.labels, hierarchy.probabilities, hierarchy.outlier_scores)


def _describe(
    scoped: ScopedVectors,
    labels: NDArray[np.int64],
    lineage: Sequence[FoundLineage],
    previous: ClusterRun | None,
    advance: Callable[[int], None],
) -> list[FoundCluster]:
    """Describe each cluster, in the order of the labels."""
    identities = {step.label: step.cluster_id for step in lineage if step.label is not None}
    order = np.argsort(labels, kind="stable")
    ends = np.searchsorted(labels[order], np.arange(labels.max(initial=-1) + 2))
    clusters = []
    for label, (start, end) in enumerate(pairwise(ends)):
        rows = order[start:end]
        shape = shape_of(scoped.vectors, rows)
        added = scoped.added_at[rows]
        clusters.append(
            FoundCluster(
                cluster_id=identities.get(label),
                size=len(rows),
                medoid_id=int(scoped.ids[shape.medoid]),
                medoid=scoped.vectors[shape.medoid],
                exemplars=tuple(scoped.ids[list(shape.exemplars)].tolist()),
                radius=shape.radius,
                max_pair_distance=shape.max_pair_distance,
                first_seen=datetime.fromtimestamp(added.min(), UTC),
                last_seen=datetime.fromtimestamp(added.max(), UTC),
                growth_per_day=_growth(added, previous),
            )
        )
        advance(len(rows))
    return clusters


def _growth(added: NDArray[np.float64], previous: ClusterRun | None) -> float:
    """Return how many members came a day since the run before, or since the first of them."""
    now = datetime.now(UTC).timestamp()
    since = previous.created_at.timestamp() if previous else float(added.min())
    return float((added >= since).sum() / max((now - since) / _DAY, 1.0))
