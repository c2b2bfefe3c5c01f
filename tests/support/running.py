"""A server as a process that tests may signal, and requests that open a connection each."""

import os
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from time import monotonic, sleep
from typing import Any

import httpx
import psutil

from support.commands import COMMAND, Index
from support.forked import start
from support.forked_workers import fork_workers

_WAIT = 120  # seconds


@dataclass(frozen=True)
class Running:
    """A server that answers."""

    url: str
    pid: int
    wait: Callable[[], int]
    """Wait for its end and return the exit code."""
    _is_over: Callable[[], bool]
    _read_log: Callable[[], str]

    @property
    def log(self) -> str:
        return self._read_log()

    def workers(self) -> set[int]:
        """Return the worker processes of a server with several."""
        workers = set()
        for child in psutil.Process(self.pid).children():
            with suppress(psutil.Error):  # it may end meanwhile
                if "resource_tracker" not in " ".join(child.cmdline()):
                    workers.add(child.pid)
        return workers

    def search(self, data: bytes, name: str = "upload.jpg", **parameters: Any) -> httpx.Response:
        """Ask on a connection of its own."""
        return httpx.post(
            f"{self.url}/v1/search", files={"image": (name, data)}, params=parameters, timeout=_WAIT
        )

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"{self.url}{path}", timeout=_WAIT)

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def stop(self) -> int:
        """Stop it as a service manager does; return the exit code."""
        self.signal(signal.SIGTERM)
        return self.wait()

    @contextmanager
    def ending(self, code: int) -> Iterator["Running"]:
        """Stop it at the end if it runs still, and hold it to an exit code."""
        try:
            yield self
        finally:
            ended = self.wait() if self._is_over() else self.stop()
        assert ended == code, f"exit {ended}\n{self.log}"
        assert "Traceback" not in self.log, self.log


@contextmanager
def running(
    index: Index,
    *arguments: object,
    code: int = 0,
    prepare: Callable[[], object] | None = None,
) -> Iterator[Running]:
    """Start a server on a free port of loopback, and stop it at the end if it runs still.

    It and its workers are forked from a process that has imported the libraries, which saves
    seconds for each; `prepare` is called in the server before it starts.
    """
    if "--workers" in arguments:
        prepare = prepare or fork_workers
    command = start(index, "serve", "--port", 0, *arguments, niceness=0, prepare=prepare)
    server = Running(
        command.address(),
        command.pid,
        wait=command.wait,
        _is_over=lambda: not command.running(),
        _read_log=lambda: command.stderr,
    )
    with server.ending(code):
        yield server


@contextmanager
def running_cold(index: Index, *arguments: object, code: int = 0) -> Iterator[Running]:
    """Start a server as a shell does, for tests about what that loads or how workers begin."""
    with tempfile.TemporaryFile("w+") as log:

        def read_log() -> str:
            log.seek(0)
            return log.read()

        with subprocess.Popen(
            [COMMAND, "serve", "--port", "0", *map(str, arguments)],
            env=index.environment,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as process:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith("Console: http://127.0.0.1:"), read_log()
            server = Running(
                line.split()[1].removesuffix("/console"),
                process.pid,
                wait=lambda: process.wait(_WAIT),
                _is_over=lambda: process.poll() is not None,
                _read_log=read_log,
            )
            with server.ending(code):
                yield server


def until(condition: Callable[[], object], seconds: float = _WAIT) -> None:
    """Wait for a condition."""
    give_up = monotonic() + seconds
    while not condition():
        assert monotonic() < give_up, "waited in vain"
        sleep(0.02)
