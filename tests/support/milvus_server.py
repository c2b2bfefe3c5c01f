"""A real Milvus server of the tests' own, where PyPI's package `milvus` is installed somewhere.

Its command runs in an environment of its own: `pip install --no-deps milvus==2.3.5`. TEST_MILVUS
names the command, unless `milvus-server` is in the path.
"""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from socket import socket
from time import monotonic, sleep
from urllib.error import URLError
from urllib.request import urlopen

import psutil
import pytest

_HEALTH = "http://127.0.0.1:9091/healthz"  # at no other port: one server at a time
_WAIT = 25  # seconds until an attempt to start it has failed
_ATTEMPTS = 8


@dataclass
class Milvus:
    """A server that can be killed and started again on what it has left."""

    command: str
    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"milvus://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it; it can be used when this returns.

        What was killed holds its session for a minute more, and no other gets past that.
        """
        for _ in range(_ATTEMPTS):
            command = [self.command, "--data", str(self.folder), "--proxy-port", str(self.port)]
            with (self.folder / "output").open("ab") as output:
                self.process = subprocess.Popen(command, stdout=output, stderr=output)
            until = monotonic() + _WAIT
            while monotonic() < until:
                if _is_healthy():
                    return
                sleep(0.2)
            self.kill()
        pytest.fail(f"no Milvus in {self.folder}")

    def kill(self) -> None:
        """Kill it without warning, and return when nothing of it runs any more."""
        if self.process is None:
            return
        main = psutil.Process(self.process.pid)
        processes = [*main.children(recursive=True), main]
        for each in processes:
            each.send_signal(signal.SIGKILL)
        self.process.wait()
        psutil.wait_procs(processes, timeout=30)
        self.process = None


@contextmanager
def running_milvus(folder: Path) -> Iterator[Milvus]:
    """Start a server; skip the test where there is none."""
    command = os.environ.get("TEST_MILVUS") or shutil.which("milvus-server")
    if command is None:
        pytest.skip("no milvus-server: see tests/support/milvus_server.py")
    if _is_healthy():
        pytest.skip(f"another Milvus answers at {_HEALTH}")
    with socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = Milvus(command, folder, port)
    try:
        server.start()
        yield server
    finally:
        server.kill()


def _is_healthy() -> bool:
    try:
        with urlopen(_HEALTH, timeout=1) as answer:
            return b"OK" in answer.read()
    except (URLError, OSError):
        return False
