"""Connections on one socket are dealt out among the workers, whoever is woken first."""

import asyncio
import errno
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from search_api.process.connection_balancing import ConnectionBalancer, Shares
from support.commands import Index
from support.running import Running, running, until


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Iterator[Running]:
    index = Index(tmp_path_factory.mktemp("home"), extra={"LOOKALIKE_MODEL": str(tiny_model)})
    index.run_here("init")
    with running(index, "--workers", 2) as server:
        until(lambda: server.log.count("a worker is ready") == 2)
        yield server


def connections(pid: int) -> int:
    found = psutil.Process(pid).net_connections(kind="tcp")
    return sum(each.status == psutil.CONN_ESTABLISHED for each in found)


def open_connections(server: Running, count: int) -> dict[int, int]:
    """Open connections and return how many of them each worker has."""
    host, port = server.url.removeprefix("http://").split(":")
    with ExitStack() as held:
        for _ in range(count):
            held.enter_context(socket.create_connection((host, int(port))))
        until(lambda: sum(map(connections, server.workers())) == count, seconds=10)
        return {pid: connections(pid) for pid in server.workers()}


def test_each_worker_gets_as_many_connections(server: Running) -> None:
    assert all(6 <= number <= 10 for number in open_connections(server, 16).values())


def test_connections_that_have_ended_do_not_count(server: Running) -> None:
    for _ in range(4):
        open_connections(server, 32)
        until(lambda: sum(map(connections, server.workers())) == 0, seconds=10)
        assert all(3 <= number <= 5 for number in open_connections(server, 8).values())
        until(lambda: sum(map(connections, server.workers())) == 0, seconds=10)


def test_a_worker_that_is_held_up_holds_no_connection_up(server: Running) -> None:
    held_up, _ = sorted(server.workers())
    psutil.Process(held_up).suspend()
    try:
        with ExitStack() as open_ones:
            for _ in range(8):
                client = open_ones.enter_context(httpx.Client(base_url=server.url, timeout=10))
                assert client.get("/healthz").status_code == 200
    finally:
        psutil.Process(held_up).resume()


def test_a_share_is_more_than_the_least_of_those_that_count() -> None:
    shares = Shares(get_context("spawn"), 3)
    first = shares.besides(set())
    assert not first.is_more(5)
    second = shares.besides({first.place})
    assert not second.is_more(2)
    assert first.is_more(5)
    second.leave()
    assert not first.is_more(5)
    assert shares.besides({first.place}).place == second.place


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
    monkeypatch.setattr("search_api.process.connection_balancing._RECOVERY", 0.05)
    share = Shares(get_context("spawn"), 1).besides(set())

    async def accept(listener: socket.socket) -> None:
        made = asyncio.get_running_loop().create_future()
        balancer = ConnectionBalancer(
            listener, share, [], lambda: made.set_result(None) or asyncio.Protocol()
        )
        balancer.start(backlog=10)
        with socket.create_connection(listener.getsockname()):
            await asyncio.wait_for(made, timeout=10)
        balancer.close()

    with Exhausted() as listener:
        listener.bind(("127.0.0.1", 0))
        asyncio.run(accept(listener))
    assert listener.refused == 1
    assert "cannot accept connections" in caplog.text
