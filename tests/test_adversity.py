"""What happens around an index that goes wrong: it says so, loses nothing, and goes on after."""

import json
import random
import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from indexer.store import open_store
from support.commands import Index
from support.consistency import examine
from support.disks import SmallDisk, small_disk
from support.extent import extent
from support.feeding import (
    BATCH,
    SKIPPED_SOME,
    assert_complete,
    assert_kept,
    make_index,
    start_adding,
    wait_for_images,
)
from support.forked import Forked, start
from support.mixed import Mixed, make_mixed
from support.models import make_tiny
from support.postgres import Ending, Postgres, own_postgres, postgres_database

MISMATCH = 3
UNAVAILABLE = 5
DISK = 16 * 2**20  # bytes
PAGE = 4096  # bytes, of SQLite
SEED = 20261123

pytestmark = pytest.mark.slow
LONG = partial(pytest.param, marks=pytest.mark.long)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the smallest model: what counts here is what surrounds it."""
    return make_tiny(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Mixed:
    return make_mixed(tmp_path_factory.mktemp("mixed") / "folder", extent(72, 120))


def finish_unavailable(command: Forked, code: str = "database_unavailable") -> str:
    """Wait until it gives up as it should: one line that says why; return that."""
    command.finish(UNAVAILABLE)
    *logged, told = command.stderr.splitlines()
    assert told.startswith(f"Error ({code}): ")
    assert not any(line.startswith("Error") for line in logged)
    return told


def finish_adding(index: Index, mixed: Mixed) -> None:
    start_adding(index, mixed).finish(SKIPPED_SOME)


# --- a full disk ----------------------------------------------------------------------------------


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "home", DISK) as mounted:
        yield mounted


@pytest.mark.parametrize("room", [50_000, LONG(200_000), LONG(800_000)])  # bytes
def test_a_disk_that_fills_up_while_adding_loses_nothing_acknowledged(
    disk: SmallDisk, model: Path, mixed: Mixed, room: int
) -> None:
    index = make_index(disk.folder, model)
    with open_store(index.settings.resolved_database_url) as store:
        disk.fill(leaving=room)

        told = finish_unavailable(start_adding(index, mixed))

        assert re.search(r"\(.*(disk is full|disk I/O error|unable to open).*\)", told)
        before = examine(store)
        assert len(before.images) < len(mixed.images)
        disk.clear()
        finish_adding(index, mixed)
        assert assert_complete(index, store, mixed).keeps(before)


@pytest.mark.long
@pytest.mark.parametrize("room", [0, 500_000])  # bytes
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # views see no difference
def test_snapshots_that_find_no_room_spoil_nothing(
    disk: SmallDisk, database_url: str, model: Path, mixed: Mixed, room: int
) -> None:
    index = make_index(disk.folder, model, database_url)  # the database is on another disk
    finish_adding(index, mixed)
    picture = min(mixed.good)
    disk.fill(leaving=room)

    finish_unavailable(start(index, "index", "snapshot"), "snapshot_not_written")
    finish_unavailable(start(index, "index", "rebuild"), "snapshot_not_written")
    searching = start(index, "search", picture, "--json")

    assert json.loads(searching.finish())["tier"] == "exact"
    assert "snapshot not written" in searching.stderr
    assert list(index.home.glob("views/*/unfinished-*")) == []
    disk.clear()
    start(index, "index", "snapshot").finish()
    with open_store(database_url) as store:
        assert_complete(index, store, mixed)


def test_a_full_home_stops_no_work_that_needs_no_room_in_it(
    disk: SmallDisk, database_url: str, model: Path, mixed: Mixed
) -> None:
    index = make_index(disk.folder, model, database_url)
    disk.fill()

    finish_adding(index, mixed)

    with open_store(database_url) as store:
        assert_complete(index, store, mixed)


@pytest.mark.long
def test_a_full_home_with_its_database_in_it_works_again_when_there_is_room(
    disk: SmallDisk, model: Path, mixed: Mixed
) -> None:
    index = make_index(disk.folder, model)
    finish_adding(index, mixed)
    disk.fill()

    for command in (["index", "add", mixed.folder], ["search", min(mixed.good)], ["verify"]):
        finish_unavailable(start(index, *command))

    disk.clear()
    start(index, "verify").finish()
    finish_adding(index, mixed)
    with open_store(index.settings.resolved_database_url) as store:
        assert_complete(index, store, mixed)


# --- a database that goes away --------------------------------------------------------------------


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    """Start a server for the tests that end it."""
    with own_postgres() as running:
        yield running


@pytest.mark.parametrize("ending", [LONG(each) for each in Ending])
def test_a_postgres_that_ends_while_adding_loses_nothing_acknowledged(
    server: Postgres, tmp_path: Path, model: Path, mixed: Mixed, ending: Ending
) -> None:
    with postgres_database(server.url) as url:
        index = make_index(tmp_path / "home", model, url)
        with open_store(url) as store:
            adding = start_adding(index, mixed)
            wait_for_images(store, adding.running, 2 * BATCH)
            before = examine(store)
            server.end(ending)
            try:
                finish_unavailable(adding)
                finish_unavailable(start(index, "search", min(mixed.good)))
            finally:
                server.start_again()

            before = assert_kept(index, store, before)
            assert len(before.images) < len(mixed.images)
            finish_adding(index, mixed)
            assert assert_complete(index, store, mixed).keeps(before)


def test_a_sqlite_that_another_program_keeps_locked_is_told(
    tmp_path: Path, model: Path, mixed: Mixed
) -> None:
    file = tmp_path / "lookalike.db"
    url = f"sqlite:///{file}"
    index = make_index(tmp_path / "home", model, f"{url}?timeout=0.5")
    with closing(sqlite3.connect(file)) as other:
        other.execute("BEGIN IMMEDIATE")

        told = finish_unavailable(start_adding(index, mixed))

        assert "(database is locked)" in told
        other.rollback()
    finish_adding(index, mixed)
    with open_store(url) as store:
        assert_complete(index, store, mixed)


def test_a_sqlite_with_damaged_pages_is_told_by_every_command(
    tmp_path: Path, model: Path, mixed: Mixed
) -> None:
    index = make_index(tmp_path / "home", model)
    finish_adding(index, mixed)
    file = index.home / "lookalike.db"
    sound = file.read_bytes()
    chance = random.Random(SEED)
    wide = 32 * PAGE
    told = set()
    for first in range(PAGE, len(sound) - wide, len(sound) // extent(3, 12)):
        for suffix in ("-wal", "-shm"):
            file.with_name(file.name + suffix).unlink(missing_ok=True)
        file.write_bytes(sound[:first] + chance.randbytes(wide) + sound[first + wide :])
        for command in (
            ["verify", "--all"],
            ["repair"],
            ["status"],
            ["search", min(mixed.good)],
            ["index", "add", mixed.folder],
        ):
            ended = index.end_here(*command)
            assert ended.code in {0, SKIPPED_SOME, MISMATCH, UNAVAILABLE}, ended
            if command[0] == "verify":
                assert ended.code != 0
            told.add((command[0], ended.code))
    assert told >= {("verify", UNAVAILABLE), ("search", UNAVAILABLE), ("index", UNAVAILABLE)}


@pytest.mark.parametrize("content", [b"garbage " * 2048, b"SQLite format 3\0" + bytes(8192)])
def test_a_sqlite_that_was_replaced_by_garbage_is_told(
    tmp_path: Path, model: Path, mixed: Mixed, content: bytes
) -> None:
    index = make_index(tmp_path / "home", model)
    file = index.home / "lookalike.db"
    file.write_bytes(content)

    for command in (
        ["init", "--model", model],
        ["verify"],
        ["status"],
        ["search", min(mixed.good)],
        ["index", "add", mixed.folder],
    ):
        assert "restore it from a backup" in finish_unavailable(start(index, *command))
    assert file.read_bytes() == content


# --- a damaged snapshot ---------------------------------------------------------------------------


@pytest.mark.long  # test_upkeep.py flips a bit in each kind of file, without the commands
def test_a_flipped_bit_in_any_file_of_any_view_is_named_and_mended_and_misleads_nobody(
    tmp_path: Path, model: Path, mixed: Mixed
) -> None:
    index = Index(tmp_path / "home")
    run = index.run_here
    files = sorted(mixed.good)
    run("init", "--model", model)
    run("index", "add", *files, "--bank", "known")
    chance = random.Random(SEED)
    for _ in range(6):  # of which one removed is too few for a segment to be written anew
        run("bank", "add", "known", "--fingerprint", f"pdq {chance.randbytes(32).hex()}")
    last = run("bank", "show", "known", "--limit", "1000", "--json").json["entries"][-1]["id"]
    run("index", "snapshot")
    run("index", "remove", files[-1])
    run("bank", "remove", "known", str(last))
    run("index", "snapshot")
    views, sound = index.home / "views", tmp_path / "sound"
    search = ("search", *files[::12], "--json")
    answer = run(*search).stdout
    shutil.copytree(views, sound)

    damaged = set()
    for path in sorted(sound.rglob("snapshot-*/*")):
        shutil.rmtree(views)
        shutil.copytree(sound, views)
        file = views / path.relative_to(sound)
        flip_a_bit(file, chance)

        problems = run("verify", "--json", code=MISMATCH).json["problems"]
        assert len(problems) == 1
        assert str(file) in problems[0]
        assert run(*search).stdout == answer
        assert file.exists()  # nobody but `repair` has touched it
        assert run("repair", "--json").json["left"] == []
        assert run("verify", "--json").json["problems"] == []
        assert run(*search).stdout == answer
        damaged.add((path.parent.parent.name, path.name.partition(".")[2]))
    names = [view.name for view in sound.iterdir()]
    assert len(names) == 3
    assert damaged == {
        (name, kind)
        for name in names
        for kind in (
            "vectors.npy" if name.startswith("embedding-") else "faiss",
            *("keys.npy", "dead.npy", "json"),
        )
    }


def flip_a_bit(path: Path, chance: random.Random) -> None:
    data = bytearray(path.read_bytes())
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    path.unlink()  # do not write through a hard link
    path.write_bytes(bytes(data))
