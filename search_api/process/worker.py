"""Worker: one of several processes that serve one socket."""

import asyncio
import os
import signal
import socket
import sys
from contextlib import suppress
from multiprocessing.connection import Connection
from threading import Thread

from indexer.errors import LookalikeError
from indexer.runtime.log_setup import configure_logging
from indexer.runtime.terminal import echo
from indexer.settings import Settings
from search_api.settings import ServeSettings

_BEAT = 2.0  # seconds


def work(
    listener: socket.socket,
    settings: Settings,
    serve: ServeSettings,
    supervisor: Connection,
    *,
    greet: bool,
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
            on_ready=lambda: _beat(supervisor),
            greet=greet,
        )
    except LookalikeError as error:
        echo(f"Error ({error.code}): {error}", err=True)
        sys.exit(error.exit_code)


def _beat(supervisor: Connection) -> None:
    """Tell the supervisor that the event loop turns, now and every few seconds."""
    with suppress(OSError):
        supervisor.send_bytes(b"alive")
    asyncio.get_running_loop().call_later(_BEAT, _beat, supervisor)


def _leave_with(supervisor: Connection) -> None:
    with suppress(EOFError, OSError):
        supervisor.recv_bytes()  # it never sends anything
    os.kill(os.getpid(), signal.SIGTERM)
