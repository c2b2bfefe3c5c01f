"""Cluster run: the images in a scope, clustered, summarised and matched to the run before."""

from collections.abc import Callable
from threading import Event
from time import monotonic
from typing import Final, Protocol

import numpy as np

from indexer.clustering.cluster_parameters import ClusterParameters
from indexer.clustering.lineage import trace
from indexer.clustering.partition import partition
from indexer.clustering.summaries import summarise
from indexer.embedding_space import bound_space
from indexer.errors import NotFoundError, RunUnderWay, UnusableVectors
from indexer.settings import Settings
from indexer.store import FoundMembers, Membership, ScopedVectors, Store
from indexer.types import ClusterAlgorithm, ClusterRun, ClusterScope, RunState, Space

_STEP: Final = 65_536  # vectors checked at a time
_ROUNDING: Final = 1e-3  # of a length, in float32
_LOOK: Final = 1.0  # seconds between looks at whether a run was cancelled in the database

Progress = Callable[[str, int, int], None]
"""Called with the stage, the number of images done, and the number to do."""
OnBegin = Callable[[ClusterRun], None]
"""Called with a run as it begins."""


class _Steps(Protocol):
    """Makes what tells the progress of one stage, and ends a run that was stopped."""

    def __call__(self, stage: str, of: int) -> Callable[[int], None]:
        """Begin a stage over `of` images."""


class Cancelled(Exception):
    """The run was stopped or cancelled; it is caught where the run began."""


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
        on_begin: OnBegin = lambda _run: None,
        on_progress: Progress = lambda _stage, _done, _of: None,
        stop: Event | None = None,
    ) -> ClusterRun:
        """Cluster the images in a scope; an index is clustered by one run at a time.

        Nothing of a run is seen before all of it is written: one that is cut off found nothing, and
        the next run marks it as failed.

        Parameters
        ----------
        algorithm : ClusterAlgorithm
        scope : ClusterScope
        parameters : ClusterParameters
        on_begin : callable
            Called with the run as soon as it is written down.
        on_progress : callable
            Called with the name of a stage, and how many of how many images it has done.
        stop : Event, optional
            Once it is set the run ends at the next step, as cancelled. So it does when somebody
            else marks it as cancelled in the database.

        Raises
        ------
        InputError
            A parameter is out of bounds, or an embedding is not a finite one of length 1.
        NotFoundError
            The scope names a bank that is not there.
        RunUnderWay
            Another run is under way.
        """
        effective = parameters.of(algorithm)
        space = bound_space(self._store)
        with self._store.clustering() as free:
            if not free:
                raise RunUnderWay(
                    "A cluster run is already under way, and an index has one run at a "
                    "time. Wait until it is done: `lookalike cluster list` shows it."
                )
            with self._store.writer() as writer:
                run = writer.cluster_runs.begin(algorithm, effective, scope, space.id)
            try:
                on_begin(run)
                steps = _steps(on_progress, self._watch(run, stop or Event()))
                return self._finish(run, space, parameters, steps)
            except Cancelled:
                return self._end(run, RunState.CANCELLED)
            except KeyboardInterrupt:
                self._end(run, RunState.CANCELLED)
                raise
            except BaseException:
                self._end(run, RunState.FAILED)
                raise

    def _watch(self, run: ClusterRun, stop: Event) -> Callable[[], bool]:
        """Make what tells whether a run is to end before it is done."""
        looked = monotonic()

        def is_over() -> bool:
            nonlocal looked
            if stop.is_set():
                return True
            if monotonic() < looked + _LOOK:
                return False
            looked = monotonic()
            with self._store.reader() as catalog:
                return catalog.cluster_runs.get(run.id).state is RunState.CANCELLED

        return is_over

    def _end(self, run: ClusterRun, state: RunState) -> ClusterRun:
        with self._store.writer() as writer:
            return writer.cluster_runs.end(run.id, state)

    def _finish(
        self, run: ClusterRun, space: Space, parameters: ClusterParameters, steps: _Steps
    ) -> ClusterRun:
        previous, before = None, None
        with self._store.reader() as catalog:
            scoped = catalog.cluster_scopes.vectors(
                run.scope, space, on_progress=steps("reading", 0)
            )
            if run.previous_run is not None:
                previous = catalog.cluster_runs.get(run.previous_run)
                before = catalog.cluster_members.membership(previous.id, assigned=False)
        require_unit(scoped)
        n = len(scoped.ids)
        found = partition(
            run.algorithm,
            scoped.vectors,
            parameters,
            threads=self._settings.worker_threads,
            on_progress=steps("comparing", n),
        )
        lineage = trace(_clusters_of(before), scoped.ids.tolist(), found.labels)
        clusters = summarise(scoped, found.labels, lineage, previous, steps("describing", n))
        members = FoundMembers(scoped.ids, found.labels, found.probabilities, found.outlier_scores)
        steps("writing", n)(0)
        with self._store.writer() as writer:
            return writer.cluster_runs.finish(run.id, clusters, members, lineage)


def newest_or(store: Store, run_id: int | None) -> ClusterRun:
    """Return the run that is named, or the newest one that is done.

    Raises
    ------
    NotFoundError
        There is no such run, or none is done.
    """
    space = bound_space(store)
    with store.reader() as catalog:
        if run_id is not None:
            return catalog.cluster_runs.get(run_id)
        run = catalog.cluster_runs.newest(space.id)
    if run is None:
        raise NotFoundError("There is no finished cluster run yet. Run `lookalike cluster run`.")
    return run


def require_unit(scoped: ScopedVectors) -> None:
    """Make sure that every vector is finite and of length 1.

    Raises
    ------
    UnusableVectors
        One is not: comparing it would mean nothing, for it or for its neighbours.
    """
    refused: list[int] = []
    for start in range(0, len(scoped.ids), _STEP):
        part = slice(start, start + _STEP)
        lengths = np.linalg.norm(scoped.vectors[part], axis=1)
        usable = np.abs(lengths - 1) <= _ROUNDING  # False for NaN
        refused += scoped.ids[part][~usable].tolist()
    if refused:
        raise UnusableVectors(refused)


def _steps(on_progress: Progress, is_over: Callable[[], bool]) -> _Steps:
    def begin(stage: str, of: int) -> Callable[[int], None]:
        done = 0

        def advance(count: int) -> None:
            nonlocal done
            if is_over():
                raise Cancelled
            done += count
            on_progress(stage, done, of)

        return advance

    return begin


def _clusters_of(before: Membership | None) -> dict[int, int]:
    if before is None:
        return {}
    return dict(zip(before.image_ids.tolist(), before.cluster_ids.tolist(), strict=True))
