"""uvicorn server of one process."""

import asyncio
import gc
import signal
import socket
import sys
from collections.abc import Callable
from functools import partial
from time import monotonic
from typing import Any, cast

import structlog
import uvicorn
from fastapi import FastAPI

from indexer.images.pixel_budget import limit_pixels
from indexer.matching import Matcher, open_matcher
from indexer.runtime.cpu import Cores, switch_threads_early
from indexer.runtime.terminal import echo
from indexer.settings import Settings, audit_key_set
from indexer.store import open_store
from search_api.access import describe
from search_api.admission.batching import batching
from search_api.app import create_app
from search_api.process.acceptor import Acceptor
from search_api.process.http_protocol import HttpProtocol
from search_api.process.open_files import raise_limit, room_for_connections
from search_api.process.waiting_connections import WaitingConnections
from search_api.process.warmup import warm_up, warm_up_routes
from search_api.process.worker_loads import WorkerLoad
from search_api.settings import ServeSettings

_AT_ONCE = 32  # connections that a worker by itself accepts before it works on
_LINGER = 0.5  # seconds that a connection may be silent before a stop closes it
_KEEP_ALIVE = 75  # seconds; longer than load acceptors keep a connection, so that they close it

log = structlog.get_logger(__name__)


def answer(
    listener: socket.socket,
    settings: Settings,
    serve: ServeSettings,
    *,
    on_ready: Callable[[Matcher, Callable[[], None]], object],
    greet: bool = True,
    load: WorkerLoad | None = None,
) -> None:
    """Open the index and serve until told to leave; SIGTERM ends the process with code 0.

    Connections are accepted once the views have caught up and the model has run.

    Parameters
    ----------
    listener : socket
        Bound to the address.
    settings : Settings
    serve : ServeSettings
    on_ready : callable
        Called once requests are answered, with what answers them and with a function to call in
        the event loop that has this function accept no more, answer what it has accepted and
        return, with the listener open for others.
    greet : bool
        Whether to say on stderr who may ask.
    load : WorkerLoad, optional
        Where other workers accept on the same socket.
    """
    # uvicorn raises the signal once more when it has shut down: a stop is no failure
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    switch_threads_early()
    limit_pixels(serve.decode_pixels)
    with open_store(settings.resolved_database_url, audit_key_set()) as store:
        if greet and (message := describe(store, serve)):
            _tell(message, settings)
        matcher = open_matcher(store, settings, batching, Cores(serve.cores))
        warm_up(matcher)
        app = create_app(store, matcher, settings, serve)
        config = uvicorn.Config(
            app,
            http=HttpProtocol,
            ws="none",  # there is no such route
            log_config=None,
            access_log=False,
            lifespan="on",
            proxy_headers=False,  # it would believe any; `access` believes those that are trusted
            server_header=False,
            timeout_keep_alive=_KEEP_ALIVE,
            timeout_graceful_shutdown=serve.grace,
        )
        most = min(serve.max_connections, room_for_connections(raise_limit()))
        waiting = WaitingConnections(serve.proxy_networks)
        server = _Server(config, partial(on_ready, matcher), waiting, most, load)
        server.run(sockets=[listener])


def _tell(message: str, settings: Settings) -> None:
    """Say something to whoever started the server; among JSON lines, as one of them."""
    if settings.log_format == "json":
        log.warning(message)
    else:
        echo(message, err=True)


def _exempt_from_collection() -> None:
    """Have the garbage collector look no more at what is there: it stays until the end.

    A full collection stops every thread, for 150 ms when it looks at all that was imported.
    """
    gc.collect()
    gc.freeze()


class _Server(uvicorn.Server):
    """Says when it answers, and stops without breaking off what it has accepted."""

    def __init__(
        self,
        config: uvicorn.Config,
        on_ready: Callable[[Callable[[], None]], object],
        waiting: WaitingConnections,
        most: int,
        load: WorkerLoad | None,
    ) -> None:
        super().__init__(config)
        self._on_ready = on_ready
        self._waiting = waiting
        self._most = most
        self._load = load
        self._acceptors: list[Acceptor] = []
        self._is_leaving = False

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup([])
        await warm_up_routes(cast("FastAPI", self.config.app))
        for listener in sockets or []:
            self._accept_on(listener)
        if self.started:
            _exempt_from_collection()
            self._on_ready(self._leave)

    def _leave(self) -> None:
        self._is_leaving = self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept no more, answer what was sent on the connections that there are, then stop.

        A request may be on its way on a connection that looks idle: each gets a moment.
        """
        app: Any = self.config.app
        app.state.service.follower.retire()
        for acceptor in self._acceptors:
            acceptor.close()
        self.server_state.default_headers.append((b"connection", b"close"))
        silent_until = monotonic() + _LINGER
        while (  # noqa: ASYNC110 -- as uvicorn's own shutdown waits
            self._has_idle() and monotonic() < silent_until and not self.force_exit
        ):
            await asyncio.sleep(0.02)
        await super().shutdown(None if self._is_leaving else sockets)  # which would close them

    def _accept_on(self, listener: socket.socket) -> None:
        make_protocol = partial(
            HttpProtocol,
            self.config,
            self.server_state,
            self.lifespan.state,
            waiting=self._waiting,
        )
        acceptor = Acceptor(
            listener,
            self.server_state.connections,
            make_protocol,
            at_once=_AT_ONCE if self._load is None else 1,
            most=self._most,
            end_one=self._waiting.end_one,
            requests=self.server_state.tasks,
            load=self._load,
        )
        acceptor.start(self.config.backlog)
        self._acceptors.append(acceptor)

    def _has_idle(self) -> bool:
        cycles = [connection.cycle for connection in self.server_state.connections]  # type: ignore[union-attr]
        return any(cycle is None or cycle.response_complete for cycle in cycles)
