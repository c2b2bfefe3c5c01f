"""Worker: one of several processes that serve one socket."""

import asyncio
import os
import signal
import socket
import sys
from contextlib import suppress
from functools import partial
from multiprocessing.connection import Connection
from threading import Thread
from typing import TYPE_CHECKING

from indexer.errors import LookalikeError
from indexer.runtime.log_setup import configure_logging
from indexer.runtime.terminal import echo
from indexer.settings import Settings
from search_api.process.worker_loads import WorkerLoad
from search_api.settings import ServeSettings

if TYPE_CHECKING:  # it loads the model's libraries
    from indexer.matching import Matcher

OUTDATED = b"outdated"
"""A worker's heartbeat, once: the index moved to another model, which its successor would serve."""
_ALIVE = b"alive"
_BEAT = 2.0  # seconds


def work(
    listener: socket.socket,
    settings: Settings,
    serve: ServeSettings,
    supervisor: Connection,
    *,
    greet: bool,
    load: WorkerLoad | None,
) -> None:
    """Answer until SIGTERM, or until the supervisor is gone; it gets a heartbeat from readiness on.

    What a terminal sends to all its processes is the supervisor's to pass on.
    """
    for one in (signal.SIGINT, signal.SIGHUP):
        signal.signal(one, signal.SIG_IGN)
    configure_logging(settings.log_level, settings.log_format)
    Thread(target=_leave_with, args=(supervisor,), name="supervisor-watch", daemon=True).start()
    from search_api.process.server import answer

    try:
        answer(
            listener,
            settings,
            serve,
            on_ready=lambda matcher, _leave: _beat(supervisor, matcher),
            greet=greet,
            load=load,
        )
    except LookalikeError as error:
        echo(f"Error ({error.code}): {error}", err=True)
        sys.exit(error.exit_code)


def _beat(supervisor: Connection, matcher: "Matcher", *, was_outdated: bool = False) -> None:
    """Tell the supervisor that the event loop turns, now and every few seconds."""
    is_outdated = matcher.is_outdated
    with suppress(OSError):
        supervisor.send_bytes(OUTDATED if is_outdated and not was_outdated else _ALIVE)
    beat = partial(_beat, supervisor, matcher, was_outdated=is_outdated)
    asyncio.get_running_loop().call_later(_BEAT, beat)


def _leave_with(supervisor: Connection) -> None:
    with suppress(EOFError, OSError):
        supervisor.recv_bytes()  # it never sends anything
    os.kill(os.getpid(), signal.SIGTERM)
