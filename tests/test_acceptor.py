"""A worker accepts the connections on a socket that others accept on, too."""

import asyncio
import errno
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from search_api.process.acceptor import Acceptor
from support.commands import Index
from support.running import Running, running, until


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Iterator[Running]:
    index = Index(tmp_path_factory.mktemp("home"), extra={"LOOKALIKE_MODEL": str(tiny_model)})
    index.run_here("init")
    with running(index, "--workers", 2) as server:
        until(lambda: server.log.count("worker ready") == 2)
        yield server


def test_a_worker_that_is_held_up_holds_no_connection_up(server: Running) -> None:
    held_up, _ = sorted(server.workers())
    psutil.Process(held_up).suspend()
    try:
        with ExitStack() as open_ones:
            for _ in range(8):
                client = open_ones.enter_context(httpx.Client(base_url=server.url, timeout=60))
                assert client.get("/healthz").status_code == 200
    finally:
        psutil.Process(held_up).resume()


class Exhausted(socket.socket):
    """A listener in a process that has no file descriptor left, the first time."""

    refused = 0

    def accept(self) -> tuple[socket.socket, Any]:
        if not self.refused:
            self.refused += 1
            raise OSError(errno.EMFILE, "Too many open files")
        return super().accept()


def test_a_process_without_file_descriptors_goes_on_when_it_has_some(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("search_api.process.acceptor._RECOVERY", 0.05)

    async def accept(listener: socket.socket) -> None:
        made = asyncio.get_running_loop().create_future()
        acceptor = Acceptor(listener, [], lambda: made.set_result(None) or asyncio.Protocol())
        acceptor.start(backlog=10)
        with socket.create_connection(listener.getsockname()):
            await asyncio.wait_for(made, timeout=60)
        acceptor.close()

    with Exhausted() as listener:
        listener.bind(("127.0.0.1", 0))
        asyncio.run(accept(listener))
    assert listener.refused == 1
    assert "cannot accept connections" in caplog.text
