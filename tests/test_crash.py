"""`kill -9` at any moment loses nothing that was acknowledged, and doubles nothing."""

import json
import random
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import httpx
import pytest

from indexer.matching import Matcher, open_matcher
from indexer.settings import Settings
from indexer.store import Store, open_store
from indexer.types import Tier
from support.commands import Index
from support.consistency import Content, assert_views_hold, examine
from support.forked import KILLED, Forked, start
from support.mixed import Mixed, make_mixed
from support.models import make_tiny

SKIPPED_SOME = 2
INTERRUPTED = 130
FILES = 120
BATCH = 8
SNAPSHOT_EVERY = 16
KILLS = 20  # for each database
ROUNDS = 5  # indexes that these kills are dealt out to
SEED = 20261123

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the smallest model: what counts here is when the process dies."""
    return make_tiny(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Mixed:
    return make_mixed(tmp_path_factory.mktemp("mixed") / "folder", FILES)


@pytest.fixture
def index(tmp_path: Path, database_url: str, model: Path) -> Index:
    return make_index(tmp_path / "home", model, database_url)


@dataclass(frozen=True)
class Pace:
    """How long an undisturbed run takes, in seconds."""

    start: float  # until the first commit
    batch: float  # from commit to commit


@pytest.fixture(scope="module")
def pace(tmp_path_factory: pytest.TempPathFactory, model: Path, mixed: Mixed) -> Pace:
    index = make_index(tmp_path_factory.mktemp("undisturbed") / "home", model)
    with open_store(index.settings.resolved_database_url) as store:
        begun = time.monotonic()
        command = start_adding(index, mixed)
        wait_for_images(store, command.running, 1)
        first = time.monotonic()
        wait_for_images(store, command.running, len(mixed.images))
        last = time.monotonic()
        command.finish(SKIPPED_SOME)
    return Pace(start=first - begun, batch=(last - first) / (FILES / BATCH))


def make_index(home: Path, model: Path, database_url: str | None = None) -> Index:
    environment = {
        "LOOKALIKE_BATCH_SIZE": str(BATCH),
        "LOOKALIKE_SNAPSHOT_EVERY": str(SNAPSHOT_EVERY),
    }
    index = Index(home, database_url, environment)
    start(index, "init", "--model", model).finish()
    return index


def start_adding(index: Index, mixed: Mixed) -> Forked:
    return start(index, "index", "add", mixed.folder, "--bank", "known", "--json")


def wait_for_images(store: Store, running: Callable[[], bool], wanted: int) -> None:
    """Wait until that many images are committed."""
    while True:
        still_running = running()
        with store.reader() as catalog:
            committed = catalog.counts().images
        if committed >= wanted:
            return
        assert still_running, f"it ended with {committed} of {wanted} images"
        time.sleep(0.005)


def open_views(index: Index, store: Store) -> Matcher:
    return open_matcher(store, Settings(home=index.home, snapshot_every=SNAPSHOT_EVERY))


def assert_complete(index: Index, store: Store, mixed: Mixed) -> Content:
    """Check that nothing is lost, nothing is there twice, and search finds every file."""
    content = examine(store)
    assert set(content.images.values()) == mixed.images
    assert content.digests == mixed.good
    assert content.entries == set(content.images)
    assert content.quarantined == mixed.bad
    matcher = open_views(index, store)
    assert_views_hold(matcher, content)
    for uri in mixed.good:
        verdict = matcher.match(Path(uri).read_bytes(), uri, k=1)
        assert (verdict.tier, verdict.banks) == (Tier.EXACT, ("known",))
        assert verdict.matches[0].image_id == content.sources[uri]
    return content


@pytest.mark.parametrize("number", range(ROUNDS))
def test_a_run_that_is_killed_again_and_again_can_be_finished(
    index: Index, database_url: str, mixed: Mixed, pace: Pace, number: int
) -> None:
    # The kills of all rounds together are spread evenly over a run, each at a random moment of
    # its share: of progress (images committed), and of the time from there to the next commit.
    chance = random.Random(SEED + number)  # noqa: S311 -- moments, not secrets
    last = len(mixed.images) - 5 * BATCH  # later than this the run might end before it is killed
    with open_store(database_url) as store:
        before = examine(store)
        for share in range(number, KILLS, ROUNDS):
            committed = int((share + chance.random()) / KILLS * last)
            command = start_adding(index, mixed)
            if committed < BATCH:  # a moment before the first commit
                committed, gap = 0, pace.start
            else:
                wait_for_images(store, command.running, committed)
                gap = pace.batch
            time.sleep(chance.random() * gap)
            command.kill()

            content = examine(store)
            assert content.keeps(before)
            assert len(content.images) >= committed
            before = content

        report = json.loads(start_adding(index, mixed).finish(SKIPPED_SOME))

        content = assert_complete(index, store, mixed)
        assert content.keeps(before)
        # a commit that was under way when its process died may have come after we looked
        assert 0 < report["added"] <= len(mixed.images) - len(before.images)


def test_the_plain_command_can_be_killed(index: Index, database_url: str, mixed: Mixed) -> None:
    with open_store(database_url) as store:
        with index.start("index", "add", mixed.folder, "--bank", "known") as command:
            wait_for_images(store, lambda: command.poll() is None, BATCH)
            command.kill()
            command.communicate()
        assert command.returncode == KILLED
        before = examine(store)
        assert BATCH <= len(before.images) < len(mixed.images)

        index.run("index", "add", mixed.folder, "--bank", "known", code=SKIPPED_SOME)

        assert assert_complete(index, store, mixed).keeps(before)


def test_ctrl_c_keeps_what_was_committed(index: Index, database_url: str, mixed: Mixed) -> None:
    with open_store(database_url) as store:
        command = start_adding(index, mixed)
        wait_for_images(store, command.running, BATCH)
        command.interrupt()

        command.finish(INTERRUPTED)

        assert "Interrupted" in command.stderr
        before = examine(store)
        assert BATCH <= len(before.images) < len(mixed.images)
        start_adding(index, mixed).finish(SKIPPED_SOME)
        assert assert_complete(index, store, mixed).keeps(before)


def test_a_search_that_is_killed_while_it_writes_snapshots_spoils_nothing(
    tmp_path: Path, model: Path, mixed: Mixed
) -> None:
    index = make_index(tmp_path / "home", model)
    views, kept = index.home / "views", tmp_path / "views"
    files = sorted(mixed.good)
    question = ("search", files[0], "--json")
    # Snapshots of an earlier state are there, and there is reason to write others.
    start(index, "index", "add", *files[: 3 * SNAPSHOT_EVERY]).finish()
    start(index, *question).finish()
    start(index, "index", "add", *files[3 * SNAPSHOT_EVERY :]).finish()
    views.rename(kept)

    with open_store(index.settings.resolved_database_url) as store:
        content = examine(store)
        for write in count(1):
            shutil.rmtree(views, ignore_errors=True)
            shutil.copytree(kept, views)
            command = start(index, *question, deadly_write=write)
            if command.wait() != KILLED:
                break
            assert_views_hold(open_views(index, store), content)

        # that was every moment: in the end it has written both views and answered
        assert json.loads(command.finish())["tier"] == Tier.EXACT
        assert write > 2 * 3  # two views, each with a file, a manifest and a rename at least
        assert_views_hold(open_views(index, store), content)


def test_a_server_that_is_killed_leaves_nothing_that_misleads_the_next(
    index: Index, database_url: str, mixed: Mixed, pace: Pace
) -> None:
    chance = random.Random(SEED)  # noqa: S311
    adding = start_adding(index, mixed)
    with open_store(database_url) as store:
        for part in (0, 1, 2):
            server = start(index, "serve", "--port", 0)
            address_of(server)
            wait_for_images(store, adding.running, part * len(mixed.images) // 3)
            time.sleep(chance.random() * 3 * pace.batch)
            server.kill()  # it follows the log, and writes a snapshot every few changes
        adding.finish(SKIPPED_SOME)
        assert_complete(index, store, mixed)

    server = start(index, "serve", "--port", 0)
    with httpx.Client(base_url=address_of(server), timeout=60) as client:
        for uri in sorted(mixed.good)[::10]:
            with Path(uri).open("rb") as file:
                answer = client.post("/v1/search", files={"image": file})
            assert answer.raise_for_status().json()["tier"] == Tier.EXACT
    server.kill()


def address_of(server: Forked) -> str:
    """Wait until the server answers and return its address."""
    while "\n" not in server.stdout:
        assert server.running(), server.stderr
        time.sleep(0.05)
    assert server.stdout.startswith("Listening on http://127.0.0.1:")
    return server.stdout.split()[2]
