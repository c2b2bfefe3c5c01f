"""Ray adapter: workers of ingest jobs as actors of a cluster.

The database is the queue, on Ray as without it. What crosses Ray is the settings of the command,
the name of the job, and counts; images and pixels never do.
"""

import logging
import os
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from threading import Event
from time import monotonic
from typing import Any, Final

from indexer.errors import InputError, UnavailableError
from indexer.ingest.part_worker import Worker, WorkReport
from indexer.runtime.actor import Actor, acting_as
from indexer.runtime.cpu import limit_library_threads, switch_threads_early, usable_cores
from indexer.settings import PREFIX, SERVE_PREFIX, audit_key_set, load_settings
from indexer.store import Store, open_store

LOCAL: Final = "local"
"""Address of a cluster of this machine alone, which is started and ended with the command."""
_OBJECT_STORE: Final = 2**27  # bytes: about the least that Ray accepts; nothing large goes through
_CONNECT: Final = 10.0  # seconds
_LOOK_UP: Final = 1.0  # seconds between two looks at the job
_LONGEST_STOP: Final = 60.0  # seconds until actors that do not stop are left to their leases


@dataclass(frozen=True, slots=True)
class RayOptions:
    """Where workers run, and how many."""

    address: str
    """`local`, or that of a cluster: `auto`, `HOST:PORT`, `ray://HOST:PORT`."""
    workers: int | None = None
    """By default as many as its cores allow, with LOOKALIKE_WORKER_THREADS each."""
    threads: int = 1
    """Cores that a worker claims and uses."""


def check_ray(store: Store, options: RayOptions) -> None:
    """Make sure that workers on Ray could begin, before anything is listed for them.

    Raises
    ------
    InputError
        Ray is not installed, or the workers would not reach the database.
    UnavailableError
        Nothing listens at the cluster's address.
    """
    _import_ray()
    if store.file is not None and options.address != LOCAL:
        raise InputError(
            f"Workers on other machines cannot reach {store.location}: SQLite is a file of this "
            "one. Use --ray local, or Postgres (LOOKALIKE_DATABASE_URL)."
        )
    _require_listener(options.address)


def work_on_ray(
    store: Store,
    job: str,
    options: RayOptions,
    overrides: Mapping[str, Any],
    *,
    stop: Event,
    on_progress: Callable[[], None] = lambda: None,
) -> WorkReport:
    """Let workers on Ray do a job; return what they did together.

    A worker that dies is started again by Ray; the leases see to its part.

    Parameters
    ----------
    store : Store
    job : str
        Name of the job.
    options : RayOptions
    overrides : mapping
        Settings that options of the command have set, over the variables of its environment.
    stop : Event
        Once it is set, the workers finish what is under way and give their parts back.
    on_progress : callable
        Called every second.

    Raises
    ------
    InputError
        Ray is not installed.
    UnavailableError
        The cluster cannot be reached, or the database.
    """
    ray = _import_ray()
    with _connected(ray, options.address):
        each = min(options.threads, _cores_of_smallest_node(ray))
        count = options.workers or max(1, int(ray.cluster_resources().get("CPU", 1)) // each)
        # two calls at a time: `work`, and `stop` meanwhile
        kind = ray.remote(_RayWorker).options(
            num_cpus=each, max_concurrency=2, max_restarts=-1, max_task_retries=-1
        )
        environment = _environment()
        given = {**overrides, "worker_threads": each}
        workers = [kind.remote(environment, given) for _ in range(count)]
        return _supervise(ray, store, job, workers, stop=stop, on_progress=on_progress)


class _RayWorker:
    """Worker in an actor."""

    def __init__(self, environment: dict[str, str], overrides: dict[str, Any]) -> None:
        limit_library_threads()
        switch_threads_early()
        for name in [name for name in os.environ if name.startswith(PREFIX)]:
            del os.environ[name]
        os.environ.update(environment)
        self._overrides = overrides
        self._stop = Event()

    def work(self, job: str) -> dict[str, int]:
        """Work on a job to its end; return the counts of a `WorkReport`."""
        settings = load_settings(**self._overrides)
        with (
            acting_as(Actor("system", "ray worker")),
            open_store(settings.resolved_database_url, audit_key_set()) as store,
        ):
            return asdict(Worker(store, settings, job).run(self._stop))

    def stop(self) -> None:
        """Let `work` finish what is under way."""
        self._stop.set()


def _supervise(
    ray: Any,
    store: Store,
    job: str,
    workers: list[Any],
    *,
    stop: Event,
    on_progress: Callable[[], None],
) -> WorkReport:
    waiting = [worker.work.remote(job) for worker in workers]
    total = WorkReport()
    give_up: float | None = None
    while waiting and (give_up is None or monotonic() < give_up):
        ended, waiting = ray.wait(waiting, timeout=_LOOK_UP)
        for counts in _results(ray, ended):
            for field in fields(WorkReport):
                setattr(total, field.name, getattr(total, field.name) + counts[field.name])
        on_progress()
        if give_up is None and (stop.is_set() or _is_done(store, job)):
            give_up = monotonic() + _LONGEST_STOP
            for worker in workers:
                worker.stop.remote()
    return total


def _results(ray: Any, ended: list[Any]) -> list[dict[str, int]]:
    try:
        results: list[dict[str, int]] = ray.get(ended)
    except ray.exceptions.RayTaskError as error:
        raise UnavailableError(
            f"A worker on Ray ended with an error: {error.cause}. What was committed is kept; "
            "`lookalike index work` or the same command with another --job goes on."
        ) from error
    except ray.exceptions.RayError as error:
        raise UnavailableError(
            f"Ray lost a worker and could not start it again: {error}. What was committed is kept; "
            "`lookalike index work` goes on with the rest."
        ) from error
    return results


def _is_done(store: Store, job: str) -> bool:
    with store.reader() as catalog:
        return not catalog.ingest_jobs.count_open(job)


@contextmanager
def _connected(ray: Any, address: str) -> Iterator[None]:
    """Connect to a cluster for the block, or start one of this machine.

    Raises
    ------
    UnavailableError
        It does not answer.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would tell its makers
    own = {
        "num_cpus": usable_cores(),
        "object_store_memory": _OBJECT_STORE,
        "include_dashboard": False,
    }
    try:
        ray.init(
            address=address,
            logging_level=logging.ERROR,
            log_to_driver=False,
            **(own if address == LOCAL else {}),
        )
    except (OSError, RuntimeError, ValueError) as error:  # ConnectionError is an OSError
        raise _unreachable(address, error) from error
    try:
        yield
    finally:
        ray.shutdown()


def _require_listener(address: str) -> None:
    """Make sure that something listens at HOST:PORT; Ray itself would try for minutes.

    Raises
    ------
    UnavailableError
        Nothing does.
    """
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if not colon or not port.isdecimal():
        return  # `auto`, `local` or a name that Ray resolves
    try:
        socket.create_connection((host.strip("[]"), int(port)), _CONNECT).close()
    except (OSError, OverflowError) as error:
        raise _unreachable(address, error) from error


def _unreachable(address: str, error: Exception) -> UnavailableError:
    reason = " ".join(str(error).split()).removesuffix(".")
    return UnavailableError(
        f"The Ray cluster {address} cannot be used ({reason}). Check the address, and that it runs "
        "the same versions of Ray and Python."
    )


def _cores_of_smallest_node(ray: Any) -> int:
    cores = [
        int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node.get("Alive", True)
    ]
    return max(1, min((each for each in cores if each), default=1))


def _environment() -> dict[str, str]:
    """Return the variables that set the indexer's settings."""
    return {
        name: value
        for name, value in os.environ.items()
        if name.startswith(PREFIX) and not name.startswith(SERVE_PREFIX)
    }


def _import_ray() -> Any:
    try:
        import ray
    except ImportError as error:
        raise InputError(
            "--ray needs Ray: pip install 'lookalike[ray]'. Or use --queue and start "
            "`lookalike index work` on each machine."
        ) from error
    return ray
