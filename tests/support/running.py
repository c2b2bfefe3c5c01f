"""A server as a process that tests may signal, and requests that open a connection each."""

import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from resource import RLIMIT_NOFILE, setrlimit
from time import monotonic, sleep
from typing import IO, Any

import httpx
import psutil

from support.commands import COMMAND, Index

_WAIT = 120  # seconds


@dataclass(frozen=True)
class Running:
    """A server that answers."""

    url: str
    process: subprocess.Popen[str]
    _log: IO[str]

    @property
    def log(self) -> str:
        self._log.seek(0)
        return self._log.read()

    def workers(self) -> set[int]:
        """Return the worker processes of a server with several."""
        workers = set()
        for child in psutil.Process(self.process.pid).children():
            with suppress(psutil.Error):  # it may end meanwhile
                if "spawn_main" in " ".join(child.cmdline()):
                    workers.add(child.pid)
        return workers

    def search(self, data: bytes, name: str = "upload.jpg", **parameters: Any) -> httpx.Response:
        """Ask on a connection of its own."""
        return httpx.post(
            f"{self.url}/v1/search", files={"image": (name, data)}, params=parameters, timeout=_WAIT
        )

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"{self.url}{path}", timeout=_WAIT)

    def stop(self) -> int:
        """Stop it as a service manager does; return the exit code."""
        self.process.terminate()
        return self.process.wait(timeout=60)


@contextmanager
def running(
    index: Index,
    *arguments: object,
    code: int = 0,
    open_files: int | None = None,
    program: Sequence[str] = (COMMAND,),
) -> Iterator[Running]:
    """Start a server on a free port of loopback, and stop it at the end if it runs still.

    It may have no more than `open_files` open, if that is given.
    """
    limit = open_files and partial(setrlimit, RLIMIT_NOFILE, (open_files // 2, open_files))
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            [*program, "serve", "--port", "0", *map(str, arguments)],
            env=index.environment,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            preexec_fn=limit,  # noqa: PLW1509 -- the test's process has no threads that hold locks
        )
        assert process.stdout is not None
        server = Running("", process, log)
        try:
            line = process.stdout.readline()
            assert line.startswith("Listening on http://127.0.0.1:"), server.log
            server = Running(line.split()[2], process, log)
            yield server
        finally:
            ended = server.stop() if process.poll() is None else process.returncode
            process.stdout.close()
        assert ended == code, f"exit {ended}\n{server.log}"
        assert "Traceback" not in server.log, server.log


def until(condition: Callable[[], object], seconds: float = _WAIT) -> None:
    """Wait for a condition."""
    give_up = monotonic() + seconds
    while not condition():
        assert monotonic() < give_up, "waited in vain"
        sleep(0.02)
