"""Many workers make the catalog that one plain run makes, whatever happens to them."""

import json
import random
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import text

from indexer.settings import SHIPPED_MODEL
from indexer.store import Store, open_store
from indexer.types import Embeddings, IngestPartState
from support.commands import Index
from support.consistency import Content, examine
from support.feeding import BANK, SKIPPED_SOME, make_index, start_adding
from support.forked import KILLED, Forked, start
from support.mixed import Mixed, make_mixed
from support.models import make_tiny
from support.poison import fear_poison, write_poison

FILES = 5_000
PART_SIZE = 250
KILLS = 10
SEED = 20261130
ENDED = {143, -signal.SIGTERM}  # the latter before it has begun to work
PATIENCE = 7_000  # seconds of a command, on a busy machine and with the shipped model
CLOSE = 1e-5  # of each component of a vector

pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(7_200)]


@dataclass(frozen=True)
class Plain:
    """What one plain run makes of the folder."""

    mixed: Mixed
    model: Path | str
    content: Content
    vectors: dict[tuple[bytes, int], Embeddings]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[Plain]:
    base = tmp_path_factory.mktemp("plain")
    is_shipped = pytestconfig.getoption("--shipped")
    model = SHIPPED_MODEL if is_shipped else make_tiny(base / "model")
    mixed = make_mixed(base / "folder", FILES)
    for number, photo in enumerate(sorted(mixed.folder.glob("*.jpg"))):
        with photo.open("ab") as file:  # bytes of its own, where pictures repeat
            file.write(str(number).encode())
    index = make_index(base / "home", model)
    start_adding(index, mixed).finish(SKIPPED_SOME, PATIENCE)
    with open_store(index.settings.resolved_database_url) as store:
        yield Plain(mixed, model, examine(store), vectors_of(store))


def vectors_of(store: Store) -> dict[tuple[bytes, int], Embeddings]:
    """Return the vectors of all images and their parts, by SHA-256 and number of the part."""
    statement = (
        "SELECT i.sha256, e.part, e.vector FROM embeddings e JOIN images i ON i.id = image_id"
    )
    with store.reader() as catalog:
        return {
            (bytes(sha256), part): np.frombuffer(vector, "<f4")
            for sha256, part, vector in catalog.connection.execute(text(statement))
        }


def assert_same(store: Store, plain: Plain) -> None:
    """Check that an index holds what the plain run made: nothing else, and nothing twice."""
    content, vectors = examine(store), vectors_of(store)
    assert content.digests == plain.content.digests
    assert content.quarantined == plain.content.quarantined
    assert len(content.entries) == len(plain.content.entries)
    assert vectors.keys() == plain.vectors.keys()
    for key, vector in vectors.items():
        np.testing.assert_allclose(vector, plain.vectors[key], rtol=0, atol=CLOSE)
    with store.reader() as catalog:
        added = sum(job.added for job in catalog.ingest_jobs.page())
    assert added == len(content.images)


def make_queued(home: Path, plain: Plain, database_url: str) -> Index:
    index = make_index(home, plain.model, database_url)
    lease = {"LOOKALIKE_PART_LEASE": "2", "LOOKALIKE_WORKER_THREADS": "1"}
    return Index(index.home, index.database_url, {**index.extra, **lease})


def test_two_workers_that_are_killed_ten_times_make_the_same_catalog(
    tmp_path: Path, database_url: str, plain: Plain
) -> None:
    chance = random.Random(SEED)
    index = make_queued(tmp_path / "home", plain, database_url)
    poison = write_poison(plain.mixed.folder / "0250.0.jpg")  # in the second part
    try:
        sized = ("--part-size", PART_SIZE, "--job", "job")
        queued = index.run("index", "add", plain.mixed.folder, "--bank", BANK, "--queue", *sized)
        assert f"in {len(range(0, FILES + 1, PART_SIZE))} parts" in queued.stdout

        with open_store(database_url) as store:
            workers = [begin(index), begin(index)]
            for number in range(KILLS):
                share = (number + chance.random()) / (KILLS + 2)
                wait_for_images_or_the_end(store, workers, index, int(share * 0.9 * FILES))
                kill_one(workers, index, chance)
            wait_for_images_or_the_end(store, workers, index, FILES)
            for worker in workers:
                worker.process.terminate()
                assert worker.wait() in ENDED, worker.stderr
            start(index, "index", "work").finish(SKIPPED_SOME, PATIENCE)  # parts are in quarantine

            with store.reader() as catalog:
                parts = catalog.ingest_jobs.parts("job", state=IngestPartState.QUARANTINED)
                assert catalog.ingest_jobs.get("job").waiting == 0
            assert 2 in {part.number for part in parts}  # others may have had the same bad luck
            assert all("3 workers in a row" in str(part.reason) for part in parts)
            poison.unlink()
            index.run("index", "job", "retry", "job")
            start(index, "index", "work").finish(seconds=PATIENCE)
            with store.writer() as writer:
                writer.quarantine.release([str(poison)])  # it is gone: that is what is wrong now
            assert_same(store, plain)
    finally:
        poison.unlink(missing_ok=True)


def begin(index: Index) -> Forked:
    return start(index, "index", "work", "--wait", prepare=fear_poison)


def kill_one(workers: list[Forked], index: Index, chance: random.Random) -> None:
    """Kill a worker at a random moment, and begin another in its place."""
    place = chance.randrange(len(workers))
    time.sleep(chance.random() / 4)
    workers[place].process.kill()
    assert workers[place].wait() == KILLED
    workers[place] = begin(index)


def wait_for_images_or_the_end(
    store: Store, workers: list[Forked], index: Index, wanted: int
) -> None:
    """Wait until so many images are there or no part is open; replace whom the poison kills."""
    while True:
        for place, worker in enumerate(workers):
            if not worker.running():
                assert worker.wait() == KILLED, worker.stderr
                workers[place] = begin(index)
        with store.reader() as catalog:
            if catalog.gauges.counts().images >= wanted or not catalog.ingest_jobs.count_open():
                return
        time.sleep(0.05)


def test_workers_on_ray_make_the_same_catalog(
    tmp_path: Path, database_url: str, plain: Plain
) -> None:
    index = make_queued(tmp_path / "home", plain, database_url)
    on_ray = ("--ray", "local", "--workers", 2, "--part-size", PART_SIZE, "--json")

    with index.start("index", "add", str(plain.mixed.folder), "--bank", BANK, *on_ray) as command:
        stdout, stderr = command.communicate(timeout=PATIENCE)

    assert command.returncode == SKIPPED_SOME, stderr
    assert "Traceback" not in stderr, stderr
    report = json.loads(stdout)
    assert (report["parts"], report["failed"]) == (FILES // PART_SIZE, 0)
    with open_store(database_url) as store:
        assert_same(store, plain)
