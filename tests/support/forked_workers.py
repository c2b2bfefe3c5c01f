"""Workers that a supervisor forks from itself: it has loaded everything, as they would anew.

The product spawns them: a fork shares what its parent has open. So one that is forked here first
closes that and takes no signal for its parent's.
"""

import os
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from unittest.mock import patch

from indexer.settings import Settings
from search_api.process import supervisor, worker_process
from search_api.process.worker import work
from search_api.settings import ServeSettings

_STANDARD = range(3)  # stdin, stdout, stderr
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def fork_workers(does: Callable[..., None] = work) -> None:
    """See to it that a supervisor in this process forks its workers; they do something."""
    for name, value in {"START_METHOD": "fork", "work": partial(_begin, does)}.items():
        patch.object(worker_process, name, value).start()


def fork_impatiently() -> None:
    """Fork workers that say often that they live, for a supervisor that soon misses it."""
    patch.object(supervisor, "_SILENCE", 5.0).start()
    patch("search_api.process.worker._BEAT", 0.2).start()
    fork_workers()


def _begin(
    does: Callable[..., None],
    listener: socket.socket,
    settings: Settings,
    serve: ServeSettings,
    pipe: Connection,
    **options: Any,
) -> None:
    """Be a worker."""
    signal.set_wakeup_fd(-1)
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    kept = {*_STANDARD, listener.fileno(), pipe.fileno()}
    for path in [*Path("/proc/self/fd").iterdir()]:
        with suppress(OSError):  # that of the listing is closed
            # pipes stay: the end of one tells the supervisor of ours
            if int(path.name) not in kept and str(path.readlink()).startswith("socket:"):
                os.close(int(path.name))
    does(listener, settings, serve, pipe, **options)
