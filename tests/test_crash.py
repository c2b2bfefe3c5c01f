"""`kill -9` at any moment loses nothing that was acknowledged, and doubles nothing."""

import json
import random
import shutil
import time
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import httpx
import pytest

from indexer.store import open_store
from indexer.types import Tier
from indexer.upkeep.repair import repair
from support.commands import Index
from support.consistency import assert_views_hold, examine
from support.deaths import Death, Moment
from support.extent import extent
from support.feeding import (
    BANK,
    BATCH,
    SKIPPED_SOME,
    SNAPSHOT_EVERY,
    assert_complete,
    assert_kept,
    assert_sound,
    make_index,
    open_views,
    start_adding,
    wait_for_images,
)
from support.forked import KILLED, start
from support.mixed import Mixed, make_mixed
from support.models import make_tiny

INTERRUPTED = 130
FILES = extent(72, 120)
KILLS = 6  # from outside, for each database
ROUNDS = 2  # indexes that these kills are dealt out to
CHAINS = extent(1, 4)  # indexes for each database whose writers die once at each kind of moment
SEED = 20261123
FOLLOWED = 0.6  # seconds in which a server reads the log three times
# The latest of each kind that a command is sure to come to, however much is done already.
LATEST_OF_ADD = {
    Moment.DECODE: 2 * BATCH,
    Moment.FORWARD: 2 * BATCH,
    Moment.WRITTEN: 16,
    Moment.COMMIT: 2,
    Moment.COMMITTED: 2,
}
LATEST_OF_REBUILD = {Moment.FSYNC: 6, Moment.RENAME: 2}

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


@pytest.mark.parametrize("number", range(CHAINS))
def test_an_index_whose_writers_die_one_after_the_other_can_be_finished(
    index: Index, database_url: str, mixed: Mixed, number: int
) -> None:
    chance = random.Random(SEED + number)
    latest = LATEST_OF_ADD | LATEST_OF_REBUILD
    with open_store(database_url) as store:
        before = examine(store)
        for moment in chance.sample(list(latest), extent(len(latest) // 3, len(latest))):
            death = Death(moment, chance.randint(1, latest[moment]))
            if moment in LATEST_OF_ADD:
                start_adding(index, mixed, death).die(death)
            else:
                start(index, "index", "rebuild", death=death).die(death)

            content = assert_kept(index, store, before)
            if moment is Moment.COMMITTED:
                assert content != before
            if death in {Death(Moment.WRITTEN, 1), Death(Moment.COMMIT, 1)}:
                assert content == before
            before = content

        report = json.loads(start_adding(index, mixed).finish(SKIPPED_SOME))

        content = assert_complete(index, store, mixed)
        assert content.keeps(before)
        assert report["added"] == len(content.images) - len(before.images) > 0


@pytest.mark.long  # kills at chosen moments are above
@pytest.mark.parametrize("number", range(ROUNDS))
def test_a_run_that_is_killed_from_outside_again_and_again_can_be_finished(
    index: Index, database_url: str, mixed: Mixed, pace: Pace, number: int
) -> None:
    # The kills of all rounds together are spread evenly over a run, each at a random moment of
    # its share: of progress (images committed), and of the time from there to the next commit.
    chance = random.Random(SEED + number)
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
            # at the next commit at the latest: this time it may be quicker than it was
            wait_for_images(store, command.running, committed + 1, chance.random() * gap)
            command.kill()

            content = assert_kept(index, store, before)
            assert len(content.images) >= committed
            before = content

        report = json.loads(start_adding(index, mixed).finish(SKIPPED_SOME))

        content = assert_complete(index, store, mixed)
        assert content.keeps(before)
        # a commit that was under way when its process died may have come after we looked
        assert 0 < report["added"] <= len(mixed.images) - len(before.images)


@pytest.mark.long
def test_the_plain_command_can_be_killed(index: Index, database_url: str, mixed: Mixed) -> None:
    with open_store(database_url) as store:
        with index.start("index", "add", mixed.folder, "--bank", BANK) as command:
            wait_for_images(store, lambda: command.poll() is None, BATCH)
            command.kill()
            command.communicate()
        assert command.returncode == KILLED
        before = examine(store)
        assert BATCH <= len(before.images) < len(mixed.images)

        start_adding(index, mixed).finish(SKIPPED_SOME)

        assert assert_complete(index, store, mixed).keeps(before)


@pytest.mark.long
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


@pytest.mark.parametrize(
    ("command", "moment"),
    [
        ("index snapshot", Moment.FSYNC),
        pytest.param("search", Moment.RENAME, marks=pytest.mark.long),
    ],
)
def test_a_command_that_dies_while_it_writes_snapshots_spoils_nothing(
    tmp_path: Path, model: Path, mixed: Mixed, command: str, moment: Moment
) -> None:
    index = make_index(tmp_path / "home", model)
    views, kept = index.home / "views", tmp_path / "views"
    files = sorted(mixed.good)
    arguments = ("search", files[0]) if command == "search" else ("index", "snapshot")
    # Snapshots of an earlier state are there, and there is reason to write others.
    start(index, "index", "add", *files[: 3 * SNAPSHOT_EVERY]).finish()
    start(index, "index", "snapshot").finish()
    start(index, "index", "add", *files[3 * SNAPSHOT_EVERY :]).finish()
    views.rename(kept)

    with open_store(index.settings.resolved_database_url) as store:
        content = examine(store)
        for number in count(1, extent(5, 1)):
            shutil.rmtree(views, ignore_errors=True)
            shutil.copytree(kept, views)
            death = Death(moment, number)
            dying = start(index, *arguments, "--json", death=death)
            if dying.wait() != KILLED:
                break
            dying.die(death)
            assert_sound(index, store)
            assert_views_hold(open_views(index, store), content)

        # that was the last moment: in the end it has written each view and answered
        answer = json.loads(dying.finish())
        if command == "search":
            assert answer["tier"] == Tier.EXACT
        written = list(views.iterdir())
        assert number > len(written) * (3 if moment is Moment.FSYNC else 1)
        assert all(len(list(view.glob("snapshot-*"))) == 2 for view in written)
        assert_views_hold(open_views(index, store), content)


def test_a_purge_that_dies_again_and_again_is_finished_by_repair(
    index: Index, database_url: str, mixed: Mixed
) -> None:
    deaths = [
        Death(Moment.WRITTEN, 3),
        Death(Moment.COMMITTED, 1),
        Death(Moment.RENAME, 1),
        Death(Moment.COMMIT, 1),
        Death(Moment.FSYNC, 2),
        Death(Moment.RENAME, 3),
    ][: extent(3, 6)]
    start(index, "index", "add", *sorted(mixed.good)[: 2 * BATCH]).finish()
    start(index, "index", "snapshot").finish()
    with open_store(database_url) as store:
        active = len(examine(store).images)
        for image_id, death in enumerate(deaths, 1):
            purge = ("index", "remove", image_id, "--purge")
            start(index, *purge, death=death).die(death)

            assert repair(store, index.settings, sample=None).left == ()
            assert_sound(index, store)
            with store.reader() as catalog:
                purged = catalog.gauges.counts().purged
            committed = death.moment not in {Moment.WRITTEN, Moment.COMMIT}
            assert purged == image_id - (not committed)

            start(index, *purge).finish(0 if not committed else 4)
            assert_sound(index, store)
        with store.reader() as catalog:
            assert catalog.gauges.counts().images == active - len(deaths)


def test_a_server_that_is_killed_leaves_nothing_that_misleads_the_next(
    index: Index, database_url: str, mixed: Mixed
) -> None:
    chance = random.Random(SEED)
    adding = start_adding(index, mixed)
    with open_store(database_url) as store:
        for part in extent([1], [0, 1, 2]):
            server = start(index, "serve", "--port", 0)
            server.address()
            wait_for_images(store, adding.running, part * len(mixed.images) // 3)
            time.sleep(chance.random() * FOLLOWED)
            server.kill()  # it follows the log, and writes a snapshot every few changes
        adding.finish(SKIPPED_SOME)
        assert_complete(index, store, mixed)

    server = start(index, "serve", "--port", 0)
    with httpx.Client(base_url=server.address(), timeout=60) as client:
        for uri in sorted(mixed.good)[::10]:
            with Path(uri).open("rb") as file:
                answer = client.post("/v1/search", files={"image": file})
            assert answer.raise_for_status().json()["tier"] == Tier.EXACT
    server.kill()
