import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from threading import Event, Thread
from time import monotonic

import httpx
import numpy as np
import psutil
import pytest
from PIL import Image

from indexer.model import load_encoder
from indexer.settings import Settings
from indexer.store import open_store
from support import pictures
from support.commands import PHOTOS, Index
from support.extent import extent
from support.forked_workers import fork_impatiently
from support.postgres import Ending, own_postgres
from support.running import Running, running, running_cold, until
from support.shelf import Shelf

KNOWN = PHOTOS / "hedgehog.jpg"
OK = HTTPStatus.OK
ANSWERED_FIRST = 12


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    patient = {"LOOKALIKE_SERVE_QUEUE_TIMEOUT": "60"}
    index = Index(tmp_path_factory.mktemp("home"), extra=patient)
    fill(index)
    return index


def fill(index: Index) -> None:
    index.run_here("init")
    index.run_here("index", "add", KNOWN, "--bank", "known")


class Load:
    """Asks on and on, each time on a new connection, and keeps what came of it.

    It leaves the server time between: other tests run beside this one.
    """

    def __init__(self, server: Running) -> None:
        self._server = server
        self._data = KNOWN.read_bytes()
        self._over = Event()
        self._threads = [Thread(target=self._ask_on) for _ in range(3)]
        self.outcomes: list[tuple[float, int | str]] = []  # when it was asked, and what was said

    @contextmanager
    def running(self) -> Iterator[None]:
        for thread in self._threads:
            thread.start()
        try:
            until(lambda: len(self.outcomes) >= ANSWERED_FIRST)
            yield
        finally:
            self._over.set()
            for thread in self._threads:
                thread.join()

    def _ask_on(self) -> None:
        while not self._over.is_set():
            begun = monotonic()
            try:
                response = self._server.search(self._data)
            except httpx.TransportError as error:
                self.outcomes.append((begun, repr(error)))
                self._over.wait(0.05)
                continue
            right = response.status_code != OK or response.json()["tier"] == "exact"
            self.outcomes.append((begun, response.status_code if right else response.text))
            self._over.wait(0.05)


def test_a_stop_under_load_answers_what_was_asked_before(index: Index) -> None:
    with running(index) as server:
        load = Load(server)
        with load.running():
            stopped = monotonic()
            assert server.stop() == 0

    before = [
        outcome
        for begun, outcome in load.outcomes
        if begun < stopped - 0.1 and not str(outcome).startswith("ConnectError")
    ]  # a slow client may begin before the stop and connect after it
    assert before  # the last 0.1 s hold at most three questions of each of the three threads
    assert {*before} == {OK}


@pytest.mark.long
def test_replacing_two_workers_under_load_fails_no_request(index: Index) -> None:
    with running(index, "--workers", 2) as server:
        until(lambda: server.log.count("worker ready") == 2)
        before = server.workers()
        load = Load(server)
        with load.running():
            server.signal(signal.SIGHUP)
            until(lambda: len(server.workers()) == 2 and not server.workers() & before)
        assert len(before) == 2
        assert {outcome for _, outcome in load.outcomes} == {OK}


@pytest.mark.slow
def test_a_worker_that_dies_and_one_that_hangs_are_replaced(index: Index) -> None:
    with running(index, "--workers", 2, prepare=fork_impatiently) as server:
        until(lambda: server.log.count("worker ready") == 2)
        victim, other = server.workers()
        os.kill(victim, signal.SIGKILL)

        assert server.search(KNOWN.read_bytes()).status_code == OK  # by the other
        until(lambda: server.log.count("worker ready") == 3)
        assert other in server.workers()
        assert len(server.workers()) == 2
        assert server.log.count("worker hung, killing") == 0

        os.kill(other, signal.SIGSTOP)
        [successor] = server.workers() - {other}

        until(lambda: server.log.count("worker ready") == 4)
        assert server.log.count("worker hung, killing") == 1
        assert successor in server.workers()
        assert other not in server.workers()


def test_workers_end_when_their_supervisor_is_killed(index: Index) -> None:
    with running_cold(index, "--workers", 2, code=-signal.SIGKILL) as server:
        workers = server.workers()
        server.signal(signal.SIGKILL)
        server.wait()
    assert workers
    until(lambda: not any(psutil.pid_exists(pid) for pid in workers), 30)


@pytest.mark.long
@pytest.mark.slow
def test_a_database_that_is_restarted_is_found_again(tmp_path: Path) -> None:
    with own_postgres() as postgres:
        settings = {"LOOKALIKE_SERVE_STALE_AFTER": "1", "LOOKALIKE_SERVE_QUEUE_TIMEOUT": "60"}
        index = Index(tmp_path, postgres.url, extra=settings)
        fill(index)
        data = KNOWN.read_bytes()
        with running(index) as server:
            load = Load(server)
            with load.running():
                for ending in extent([Ending.IMMEDIATE], [Ending.FAST, Ending.IMMEDIATE]):
                    postgres.end(ending)
                    until(lambda: server.search(data).status_code != OK)
                    response = server.search(data)
                    assert response.status_code == HTTPStatus.SERVICE_UNAVAILABLE
                    assert response.json()["title"] == "database_unavailable"
                    until(lambda: server.get("/readyz").status_code != OK)
                    assert server.get("/healthz").status_code == OK

                    postgres.start_again()
                    until(lambda: server.get("/readyz").status_code == OK, 30)
                    assert server.search(data).status_code == OK
            assert {outcome for _, outcome in load.outcomes} == {OK, 503}
            later = PHOTOS / "bee.jpg"
            index.run_here("index", "add", later, "--bank", "known")
            until(lambda: server.search(later.read_bytes()).json()["tier"] == "exact", 30)


# --- what other processes commit -----------------------------------------------------------------


def made_up(number: int) -> Image.Image:
    """Make a picture unlike all others."""
    cells = np.random.default_rng(number).integers(0, 256, (8, 8, 3), np.uint8)
    return Image.fromarray(cells).resize((128, 128), Image.Resampling.BICUBIC)


@pytest.mark.slow
def test_what_another_process_commits_holds_within_a_second(
    database_url: str, tmp_path: Path, tiny_model: Path
) -> None:
    adds = extent(11, 200)
    settings = Settings(
        home=tmp_path, database_url=database_url, model=str(tiny_model), query_views="none"
    )
    lags = []
    with open_store(database_url) as store:
        shelf = Shelf(store, load_encoder(str(tiny_model), "cpu", "torch"), settings)
        extra = {"LOOKALIKE_QUERY_VIEWS": "none"}
        index = Index(tmp_path, database_url, extra=extra)
        with running(index) as server, httpx.Client(base_url=server.url, timeout=60) as client:

            def matches(number: int, entry_id: int) -> bool:
                copy = pictures.encode(made_up(number), "JPEG", quality=90)
                response = client.post("/v1/search", files={"image": copy}, params={"k": 10})
                assert response.status_code == OK, response.text
                found = {match["entry_id"] for match in response.json()["matches"]}
                return entry_id in found

            for number in range(adds):
                image_id = shelf.add(pictures.encode(made_up(number), "PNG"), bank="known")
                committed = monotonic()
                with store.reader() as catalog:
                    entry_id = catalog.images.get(image_id, shelf.space.id).entries[0].id
                until(lambda n=number, e=entry_id: matches(n, e), 30)
                lags.append(monotonic() - committed)
                if number % 10:
                    continue
                with store.writer() as writer:
                    change = writer.entries.disable if number % 20 else writer.entries.remove
                    change([entry_id])
                assert not matches(number, entry_id)  # the catalog is asked at query time

    share = extent(0, 0.99)  # others make the machine busy: once has to be enough
    assert sorted(lags)[int(share * adds)] < 1, lags
