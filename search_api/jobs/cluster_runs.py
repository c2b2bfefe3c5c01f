"""Background cluster runs, one at a time."""

from concurrent.futures import Future
from dataclasses import dataclass, field
from threading import Event, Lock, Thread
from typing import Final, Self

import structlog

from indexer.clustering.cluster_parameters import ClusterParameters
from indexer.clustering.incremental import ClusterRefresher
from indexer.clustering.runs import ClusterRunner
from indexer.errors import RunUnderWay
from indexer.runtime.actor import Actor, acting_as
from indexer.settings import Settings
from indexer.store import Store
from indexer.types import ClusterAlgorithm, ClusterRun, ClusterScope, Refresh, Refreshed

log = structlog.get_logger(__name__)
_MOMENT: Final = 0.1  # seconds that a run whose end is told already may take to be gone


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What is to be clustered, and where the first that is known of it goes."""

    algorithm: ClusterAlgorithm
    scope: ClusterScope
    parameters: ClusterParameters
    since_last: bool
    begun: Future[Refresh] = field(default_factory=Future)

    def begin(self, run: ClusterRun) -> None:
        self.begun.set_result(Refresh(run, Refreshed.CLUSTERED, 0))


class ClusterRunJob:
    """Takes one cluster run to its end in a thread; how it ended stands in the database."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._runner = ClusterRunner(store, settings)
        self._refresher = ClusterRefresher(store, settings)
        self._stopping = Event()
        self._starting = Lock()
        self._thread: Thread | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        """Stop: what is running ends at its next step, as cancelled."""
        with self._starting:
            self._stopping.set()
            thread = self._thread
        if thread:
            thread.join()

    def start(
        self,
        algorithm: ClusterAlgorithm,
        scope: ClusterScope,
        parameters: ClusterParameters,
        *,
        since_last: bool,
    ) -> Refresh:
        """Begin a run and return it as it is then; or what holds, where no run is needed.

        Raises
        ------
        RunUnderWay
            The index is being clustered, by this server or another program; or the server is
            shutting down.
        InputError
            A parameter is out of bounds, or a stored embedding cannot be used.
        NotFoundError
            The scope names a bank that is not there.
        """
        wanted = _Wanted(algorithm, scope, parameters, since_last)
        with self._store.reader() as catalog:
            for bank in scope.banks:
                catalog.banks.get(bank)
        with self._starting:
            if self._thread:
                self._thread.join(_MOMENT)
            if self._stopping.is_set() or (self._thread and self._thread.is_alive()):
                raise RunUnderWay(
                    "This server is already clustering the index, one run at a time. Try "
                    "again when it is done: GET /v1/cluster-runs shows it."
                )
            self._thread = Thread(target=self._run, args=(wanted,), name="cluster-run")
            self._thread.start()
        return wanted.begun.result()

    def _run(self, wanted: _Wanted) -> None:
        try:
            with acting_as(Actor("system", "cluster-run")):
                refresh = self._cluster(wanted)
        except Exception as error:
            if wanted.begun.done():  # the run is marked as failed
                log.exception("cluster run failed")
            else:
                wanted.begun.set_exception(error)
        else:
            if not wanted.begun.done():
                wanted.begun.set_result(refresh)

    def _cluster(self, wanted: _Wanted) -> Refresh:
        what = (wanted.algorithm, wanted.scope, wanted.parameters)
        if wanted.since_last:
            return self._refresher.refresh(*what, on_begin=wanted.begin, stop=self._stopping)
        run = self._runner.run(*what, on_begin=wanted.begin, stop=self._stopping)
        return Refresh(run, Refreshed.CLUSTERED, 0)
