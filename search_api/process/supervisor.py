"""Supervisor of worker processes on one socket: start, replacement, stop."""

import multiprocessing
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import wait
from time import monotonic
from typing import Any

import structlog

from indexer.settings import Settings
from search_api.process.worker_loads import WorkerLoads
from search_api.process.worker_process import START_METHOD, WorkerProcess
from search_api.settings import ServeSettings
from search_api.telemetry.metrics import forget_worker, shared_metrics

log = structlog.get_logger(__name__)
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_BACKOFF = (0.5, 30.0)  # seconds until a worker is started anew, from the second death in a row on
_YOUNG = 30.0  # seconds; a worker that dies younger counts as another death in a row
_LOOK = 0.5  # seconds between two looks at what is due
_SILENCE = 60.0  # seconds without a heartbeat after which a worker is taken for hung


class Supervisor:
    """Runs the workers until it is told to stop.

    SIGHUP replaces them one by one, each by one that is ready, and so does a worker's message that
    the index moved to another model; SIGTERM and SIGINT stop them all once what they have accepted
    is answered.

    Parameters
    ----------
    listener : socket
        Bound; the workers inherit it. Nobody listens until the first of them is ready.
    settings : Settings
    serve : ServeSettings
    on_ready : callable
        Called when the first worker is ready.
    first : WorkerProcess, optional
        A worker that is ready already.
    """

    def __init__(
        self,
        listener: socket.socket,
        settings: Settings,
        serve: ServeSettings,
        on_ready: Callable[[], object],
        first: WorkerProcess | None = None,
    ) -> None:
        self._arguments = (listener, settings, serve)
        self._wanted = serve.workers
        context = multiprocessing.get_context(START_METHOD)
        self._loads = WorkerLoads(context, serve.workers) if serve.workers > 1 else None
        self._grace = serve.grace
        self._on_ready = on_ready
        self._workers = [first] if first else []
        self._outdated = [worker for worker in self._workers if worker.outdated]
        self._successor: WorkerProcess | None = None
        self._was_ready = first is not None
        self._stopped_by: int | None = None
        self._deaths = 0  # in a row
        self._not_before = 0.0  # when the next worker may be started
        self._exit_code = 0

    def run(self) -> int:
        """Return the exit code once every worker has ended.

        Raises
        ------
        KeyboardInterrupt
            SIGINT stopped them.
        """
        with shared_metrics(), _signals() as (received, wake):
            if not self._workers:
                self._start()
            while self._workers or self._stopped_by is None:
                readers: list[Any] = [wake, *(worker.process.sentinel for worker in self._workers)]
                readers += [worker.pipe for worker in self._workers]
                asked = monotonic()
                wait(readers, timeout=_LOOK)
                if monotonic() - asked > 2 * _LOOK:
                    self._forgive_silence()  # this process was stopped, and perhaps all of them
                _drain(wake)
                while received:
                    self._handle_signal(received.pop(0))
                self._hear()
                self._notice_ended()
                if self._stopped_by is None:
                    self._replace_next()
                    self._fill()
                self._kill_late()
                self._kill_silent()
        if self._stopped_by == signal.SIGINT:
            raise KeyboardInterrupt
        return self._exit_code

    def _start(self) -> WorkerProcess:
        taken = {worker.load.place for worker in self._workers if worker.load}
        load = self._loads.assign(taken) if self._loads else None
        worker = WorkerProcess.start(*self._arguments, greet=not self._was_ready, load=load)
        self._workers.append(worker)
        return worker

    def _handle_signal(self, number: int) -> None:
        if number == signal.SIGHUP:
            self._outdated = [worker for worker in self._active() if worker.ready]
            log.info("worker replacement started", workers=len(self._outdated))
            return
        if self._stopped_by == signal.SIGINT == number:  # the second Ctrl-C
            for worker in self._workers:
                worker.process.kill()
        self._stop(number)

    def _stop(self, number: int) -> None:
        self._stopped_by = self._stopped_by or number
        for worker in self._workers:
            worker.leave(self._grace)

    def _active(self) -> list[WorkerProcess]:
        return [w for w in self._workers if not w.leaving and w is not self._successor]

    def _hear(self) -> None:
        """Take heartbeats; the first says that a worker is ready, and one that it is outdated."""
        for worker in self._workers:
            was_ready = worker.ready
            if worker.hear():
                self._on_outdated(worker)
            if was_ready or not worker.ready:
                continue
            log.info("worker ready", pid=worker.process.pid)
            if not self._was_ready:
                self._was_ready = True
                self._on_ready()
            if worker is self._successor:
                self._successor = None
                if self._outdated and self._outdated[0] is not worker:
                    self._outdated.pop(0).leave(self._grace)

    def _on_outdated(self, worker: WorkerProcess) -> None:
        """Have a worker replaced, unless it is on its way out or will be replaced anyway."""
        if not worker.leaving and worker not in self._outdated:
            self._outdated.append(worker)
            log.info("worker outdated, replacing", pid=worker.process.pid)

    def _notice_ended(self) -> None:
        for worker in [w for w in self._workers if w.process.exitcode is not None]:
            self._workers.remove(worker)
            worker.pipe.close()
            if worker.load:
                worker.load.withdraw()
            forget_worker(worker.process.pid or 0)
            if not worker.leaving:
                self._on_death(worker)

    def _on_death(self, worker: WorkerProcess) -> None:
        pid, code = worker.process.pid, worker.process.exitcode or 1
        if not self._was_ready:  # it has said why, and the next one would say the same
            self._exit_code = code if code > 0 else 1
            self._stop(signal.SIGTERM)
            return
        if worker is self._successor:
            log.error("new worker failed to start, old workers kept", pid=pid, code=code)
            self._successor, self._outdated = None, []
            return
        self._outdated = [one for one in self._outdated if one is not worker]
        self._deaths = self._deaths + 1 if monotonic() - worker.born < _YOUNG else 1
        least, most = _BACKOFF
        delay = min(most, least * 2 ** (self._deaths - 2)) if self._deaths > 1 else 0.0
        self._not_before = monotonic() + delay
        log.error("worker died, restarting", pid=pid, code=code, seconds=delay)

    def _replace_next(self) -> None:
        """Start a successor, unless one is starting or somebody is still leaving."""
        if self._outdated and not self._successor and not any(w.leaving for w in self._workers):
            self._successor = self._start()

    def _fill(self) -> None:
        """Start what is missing; the first worker alone, so that its errors are said once."""
        missing = (self._wanted if self._was_ready else 1) - len(self._active())
        if monotonic() >= self._not_before:
            for _ in range(missing):
                self._start()

    def _kill_late(self) -> None:
        for worker in self._workers:
            if worker.kill_at is not None and monotonic() > worker.kill_at:
                log.error("worker did not stop, killing", pid=worker.process.pid)
                worker.process.kill()

    def _kill_silent(self) -> None:
        for worker in self._workers:
            if worker.heard is not None and monotonic() - worker.heard > _SILENCE:
                log.error("worker hung, killing", pid=worker.process.pid)
                worker.process.kill()
                worker.heard = monotonic()

    def _forgive_silence(self) -> None:
        for worker in self._workers:
            if worker.ready:
                worker.heard = monotonic()


def _drain(wake: socket.socket) -> None:
    with suppress(BlockingIOError):
        wake.recv(4096)


@contextmanager
def _signals() -> Iterator[tuple[list[int], socket.socket]]:
    """Collect signals in a list, and give a socket that can be read when there are some."""
    received: list[int] = []
    wake, writer = socket.socketpair()
    for one in (wake, writer):
        one.setblocking(False)  # noqa: FBT003 -- socket has it so
    before = {
        number: signal.signal(number, lambda n, _frame: received.append(n)) for number in _SIGNALS
    }
    fd_before = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    try:
        yield received, wake
    finally:
        signal.set_wakeup_fd(fd_before)
        for number, handler in before.items():
            signal.signal(number, handler)
        wake.close()
        writer.close()
