"""Incremental clustering: assign what is new, or run again where too much has changed."""

from dataclasses import dataclass
from threading import Event
from typing import Final

import numpy as np

from indexer.cluster_assignment import assign
from indexer.clustering.cluster_parameters import FAMILIES, ClusterParameters
from indexer.clustering.runs import ClusterRunner, OnBegin, Progress, require_unit
from indexer.embedding_space import bound_space
from indexer.errors import InputError
from indexer.settings import Settings
from indexer.store import FoundMembers, Store
from indexer.types import (
    ClusterAlgorithm,
    ClusterRun,
    ClusterScope,
    Keys,
    Refresh,
    Refreshed,
    RunState,
    Space,
    SpaceTraits,
)

MAX_CHANGED_SHARE: Final = 0.05
"""Share of a run's images up to which new images are assigned, without a new run."""


@dataclass(frozen=True, slots=True)
class _Since:
    """How the images in a run's scope differ from those that it looked at."""

    new: Keys  # in scope, neither looked at nor assigned since
    assigned: int
    gone: int

    @property
    def number(self) -> int:
        return len(self.new) + self.assigned + self.gone


class ClusterRefresher:
    """Keeps the clusters of an index up to date with its images."""

    def __init__(self, store: Store, settings: Settings, traits: SpaceTraits | None = None) -> None:
        """Take what `ClusterRunner` takes."""
        self._store = store
        self._runner = ClusterRunner(store, settings, traits)

    def refresh(  # noqa: PLR0913 -- those of a run, and one more
        self,
        algorithm: ClusterAlgorithm,
        scope: ClusterScope,
        parameters: ClusterParameters,
        *,
        max_changed_share: float = MAX_CHANGED_SHARE,
        on_begin: OnBegin = lambda _run: None,
        on_progress: Progress = lambda _stage, _done, _of: None,
        stop: Event | None = None,
    ) -> Refresh:
        """Do what is needed since the last run of the same images by the same parameters.

        Nothing if nothing in its scope changed. If at most `max_changed_share` of the images did
        (came, went, or were assigned since), the new ones are assigned to its clusters. Else there
        is a new run.

        Parameters
        ----------
        algorithm, scope, parameters, on_begin, on_progress, stop
            As for `ClusterRunner.run`, whose errors this raises, too.
        max_changed_share : float
            Largest share of the run's images, 0 to 1, that may have changed without a new run; 0
            for a new run whenever anything changed.

        Raises
        ------
        InputError
            `max_changed_share` is no share.
        """
        if not 0 <= max_changed_share <= 1:
            raise InputError(f"A share must be from 0 to 1, got {max_changed_share}.")
        space = bound_space(self._store)
        effective = self._runner.effective(algorithm, parameters, space)
        with self._store.reader() as catalog:
            last = catalog.cluster_runs.newest(space.id, algorithm, scope)
            unseen = last is not None and catalog.log.head() > last.watermark
        if last is not None and last.parameters == effective:
            if not unseen:
                return Refresh(last, Refreshed.UNCHANGED, 0)
            since = self._since(last, space)
            if not since.number:
                return Refresh(last, Refreshed.UNCHANGED, 0)
            if since.number <= max_changed_share * last.images:
                assigned = self._assign(last, space, since.new)
                how = Refreshed.ASSIGNED if assigned else Refreshed.UNCHANGED
                return Refresh(last, how, assigned)
        run = self._runner.run(
            algorithm,
            scope,
            parameters,
            on_begin=on_begin,
            on_progress=on_progress,
            stop=stop,
            since_last=True,
        )
        return Refresh(run, Refreshed.CLUSTERED, 0)

    def assign(self, run: ClusterRun) -> int:
        """Assign the images in a run's scope that it does not know; return how many joined.

        An image joins the cluster of the nearest medoid whose radius it lies within, or the family
        whose hub it matches. New families are founded by images that match each other, or one that
        was in none. Others are left out, and looked at again the next time.

        Raises
        ------
        InputError
            The run is not done, or of another space than the index's; or an embedding cannot be
            used.
        """
        space = bound_space(self._store)
        if run.state is not RunState.DONE or run.model != space.fingerprint:
            raise InputError(
                f"Cluster run {run.id} is {run.state} and of space {run.model[:12]}. Images are "
                f"assigned to runs that are done, in the index's space {space.fingerprint[:12]}: "
                "`lookalike cluster list` shows them."
            )
        return self._assign(run, space, self._since(run, space).new)

    def _since(self, run: ClusterRun, space: Space) -> _Since:
        with self._store.reader() as catalog:
            semantic = catalog.cluster_runs.semantic_space(run)
            new = catalog.cluster_scopes.unknown(run.id, run.scope, space, semantic)
            now = catalog.cluster_scopes.count(run.scope, space, semantic)
            known = catalog.cluster_members.count(run.id)
        return _Since(new=new, assigned=known - run.images, gone=known - (now - len(new)))

    def _assign(self, run: ClusterRun, space: Space, image_ids: Keys) -> int:
        if run.algorithm in FAMILIES:
            return self._runner.grow(run, space, image_ids) if len(image_ids) else 0
        ids, clusters, similarities = [], [], []
        with self._store.reader() as catalog:
            reach = catalog.clusters.reach(run.id)
            semantic = catalog.cluster_runs.semantic_space(run)
            for scoped in catalog.cluster_scopes.vectors_of(image_ids, space, semantic):
                require_unit(scoped)
                found = assign(scoped.vectors, reach)
                joined = found.cluster_ids >= 0
                ids.append(scoped.ids[joined])
                clusters.append(found.cluster_ids[joined])
                similarities.append(found.similarities[joined].astype(np.float64))
        if not sum(map(len, ids)):
            return 0
        closeness = np.clip(np.concatenate(similarities), 0, 1)
        members = FoundMembers(
            np.concatenate(ids), np.concatenate(clusters), closeness, 1 - closeness
        )
        with self._store.writer() as writer:
            return writer.cluster_runs.assign(run.id, members)
