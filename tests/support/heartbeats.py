"""A worker that answers nothing: it lives, and says so to its supervisor."""

import signal
import socket
import sys
from multiprocessing.connection import Connection
from pathlib import Path
from time import sleep

from indexer.settings import Settings
from search_api.process.worker import OUTDATED
from search_api.settings import ServeSettings
from support.forked_workers import fork_workers

MOVED = "moved"
BROKEN = "broken"


def beat_only() -> None:
    """Have the supervisor of this process start workers that answer nothing."""
    fork_workers(live)


def live(
    listener: socket.socket,
    settings: Settings,
    serve: ServeSettings,
    supervisor: Connection,
    **_options: object,
) -> None:
    """Beat; say that the index moved once the file `moved` is in the home. Takes `work`'s place.

    One that was started after the move has nothing to say, or dies if the file's text is "broken".
    """
    del listener, serve

    def leave(*_: object) -> None:
        supervisor.send_bytes(OUTDATED)  # a beat that was due: nobody needs another successor
        sys.exit()

    signal.signal(signal.SIGTERM, leave)
    moved = Path(settings.home, MOVED)
    is_new = moved.exists()
    if is_new and moved.read_text(encoding="utf-8") == BROKEN:
        sys.exit(3)
    was_told = False
    while True:
        tells = moved.exists() and not is_new and not was_told
        was_told |= tells
        supervisor.send_bytes(OUTDATED if tells else b"alive")
        sleep(0.05)
