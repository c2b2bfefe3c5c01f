"""Worker process as its parent sees it: started, heard, asked to leave."""

import multiprocessing
import socket
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from time import monotonic
from typing import Final

from indexer.settings import Settings
from search_api.process.worker import OUTDATED, work
from search_api.process.worker_loads import WorkerLoad
from search_api.settings import ServeSettings

START_METHOD: Final = "spawn"
"""How `multiprocessing` starts workers: a fork would share what its parent has open."""
KILL_AFTER = 10.0
"""Seconds beyond its grace after which a worker that was asked to leave is killed."""


@dataclass(eq=False, slots=True)
class WorkerProcess:
    """A process that answers, or will."""

    process: SpawnProcess
    pipe: Connection
    born: float
    load: WorkerLoad | None = None
    heard: float | None = None  # when its event loop was last known to turn; None until it is ready
    outdated: bool = False  # it has said that the index moved to another model
    kill_at: float | None = None  # set once it was asked to leave

    @classmethod
    def start(
        cls,
        listener: socket.socket,
        settings: Settings,
        serve: ServeSettings,
        *,
        greet: bool,
        load: WorkerLoad | None = None,
    ) -> "WorkerProcess":
        """Start a worker, which says on stderr who may ask if it is to `greet`."""
        context = multiprocessing.get_context(START_METHOD)
        ours, theirs = context.Pipe()
        process = context.Process(
            target=work,
            args=(listener, settings, serve, theirs),
            kwargs={"greet": greet, "load": load},
            name="lookalike-worker",
        )
        process.start()
        theirs.close()
        return cls(process, ours, monotonic(), load)

    @property
    def leaving(self) -> bool:
        """Whether it was asked to leave."""
        return self.kill_at is not None

    @property
    def ready(self) -> bool:
        """Whether it answers."""
        return self.heard is not None

    def hear(self) -> bool:
        """Take the heartbeats that came; return whether one said that the worker is outdated."""
        is_outdated = False
        with suppress(EOFError, OSError):  # it has ended
            while self.pipe.poll():
                is_outdated |= self.pipe.recv_bytes() == OUTDATED
                self.heard = monotonic()
        self.outdated |= is_outdated
        return is_outdated

    def leave(self, grace: float) -> None:
        """Ask it to answer what it has accepted, within `grace` seconds, and to end."""
        if not self.leaving:
            self.kill_at = monotonic() + grace + KILL_AFTER
            self.process.terminate()
