"""A worker accepts the connections on a socket that others accept on, too."""

import asyncio
import errno
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from search_api.process.acceptor import Acceptor
from search_api.process.worker_loads import WorkerLoads
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


def connections(pid: int) -> int:
    found = psutil.Process(pid).net_connections(kind="tcp")
    return sum(each.status == psutil.CONN_ESTABLISHED for each in found)


@contextmanager
def opened(server: Running, count: int) -> Iterator[list[int]]:
    """Open connections; give how many of them each worker has."""
    host, port = server.url.removeprefix("http://").split(":")
    with ExitStack() as held:
        for _ in range(count):
            held.enter_context(socket.create_connection((host, int(port))))
        until(lambda: sum(map(connections, server.workers())) == count)
        yield [connections(pid) for pid in server.workers()]


def test_each_worker_gets_as_many_connections(server: Running) -> None:
    until(lambda: sum(map(connections, server.workers())) == 0)
    with opened(server, 16) as shares:
        assert all(6 <= share <= 10 for share in shares)


def test_a_worker_with_less_load_than_the_others_has_the_least() -> None:
    loads = WorkerLoads(get_context("spawn"), 2)
    first = loads.assign(set())
    assert first.is_least(5)  # it is alone
    second = loads.assign({first.place})
    second.publish(3)
    assert first.is_least(3)
    assert not first.is_least(4)
    second.withdraw()
    assert first.is_least(4)
    assert loads.assign({first.place}).place == second.place
