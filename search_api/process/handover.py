"""Handover of the address to a worker, once the index of a process without workers has moved."""

import asyncio
import gc
import signal
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

import structlog

from indexer.settings import Settings
from search_api.process.worker_process import KILL_AFTER, WorkerProcess
from search_api.settings import ServeSettings

if TYPE_CHECKING:  # it loads the model's libraries
    from indexer.matching import Matcher

log = structlog.get_logger(__name__)
_LOOK = 0.5  # seconds between two looks


def answer_until_moved(
    listener: socket.socket,
    settings: Settings,
    serve: ServeSettings,
    on_ready: Callable[[], object],
) -> WorkerProcess | None:
    """Answer in this process until interrupted, or until a worker does so in the index's new space.

    Once the index has moved to another model, a worker of that model is started beside this
    process, which accepts no more when the worker is ready, and returns when what it had accepted
    is answered. If the worker cannot start, this process goes on.

    Parameters
    ----------
    listener : socket
        Bound to the address; the worker inherits it.
    settings : Settings
    serve : ServeSettings
    on_ready : callable
        Called once requests are answered.

    Returns
    -------
    WorkerProcess or None
        The worker that answers now; None after a stop.
    """
    from search_api.process.server import answer

    handover = Handover(listener, settings, serve)

    def begin(matcher: "Matcher", leave: Callable[[], None]) -> None:
        on_ready()
        handover.look(matcher, leave)

    try:
        answer(listener, settings, serve, on_ready=begin)
    except BaseException:
        handover.call_off()
        raise
    if handover.successor:
        gc.unfreeze()  # the views and the model, which `answer` exempted
        gc.collect()
        log.info("address handed over", pid=handover.successor.process.pid)
    return handover.successor


class Handover:
    """Starts the successor of this process, and tells when it is ready."""

    def __init__(self, listener: socket.socket, settings: Settings, serve: ServeSettings) -> None:
        self._arguments = (listener, settings, serve)
        self._grace = serve.grace
        self.successor: WorkerProcess | None = None

    def look(self, matcher: "Matcher", leave: Callable[[], None]) -> None:
        """Look now and twice a second; call `leave` when the successor is ready."""
        listener, *_ = self._arguments
        if listener.fileno() < 0:
            return  # the server stops, and has closed it
        worker = self.successor
        if worker is None:
            if matcher.is_outdated:
                self.successor = WorkerProcess.start(*self._arguments, greet=False)
                log.info("server outdated, replacing", pid=self.successor.process.pid)
        else:
            worker.hear()
            if worker.ready:
                log.info("worker ready", pid=worker.process.pid)
                leave()
                return
            pid, code = worker.process.pid, worker.process.exitcode
            if code is not None:
                log.error("new worker failed to start, old workers kept", pid=pid, code=code)
                self.successor = None
                return
        asyncio.get_running_loop().call_later(_LOOK, self.look, matcher, leave)

    def call_off(self) -> None:
        """End the successor, if there is one: the server stops."""
        if self.successor is None:
            return
        process = self.successor.process
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C ends the worker by itself
        self.successor.leave(self._grace)
        process.join(self._grace + KILL_AFTER)
        if process.exitcode is None:
            process.kill()
