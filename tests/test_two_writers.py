import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from indexer.matching import open_matcher
from indexer.settings import Settings
from indexer.store import open_store
from indexer.upkeep.consistency import verify
from support.commands import Index
from support.consistency import assert_views_hold, examine
from support.extent import extent
from support.forked import make_gate, start
from support.mixed import Mixed, make_mixed
from support.models import make_tiny

pytestmark = pytest.mark.postgres

SKIPPED_SOME = 2
PARTS = 4  # commands that the removal is dealt out to
ACTIVE = "SELECT sha256 FROM images WHERE removed_at IS NULL"
SOURCES = (
    "SELECT uri, sha256 FROM sources JOIN images ON images.id = image_id WHERE closed_at IS NULL"
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the smallest model: what counts here is who writes when."""
    return make_tiny(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Mixed:
    return make_mixed(tmp_path_factory.mktemp("mixed") / "folder", extent(64, 160))


@pytest.fixture
def index(tmp_path: Path, database_url: str, model: Path) -> Index:
    index = Index(
        tmp_path / "home",
        database_url,
        {"LOOKALIKE_BATCH_SIZE": "8", "LOOKALIKE_QUERY_VIEWS": "none"},
    )
    start(index, "init", "--model", model).finish()
    return index


def add_at_once(
    index: Index, first: list[Path], second: list[Path], meanwhile: Callable[[], object]
) -> list[dict[str, Any]]:
    """Run two `index add` at once, each with its sources in an order of its own."""
    gate = make_gate(2)
    commands = [
        start(index, "index", "add", *sources, "--bank", "known", "--json", gate=gate)
        for sources in (first, second)
    ]
    while any(command.running() for command in commands):
        meanwhile()
        time.sleep(0.02)
    return [json.loads(command.finish(SKIPPED_SOME)) for command in commands]


def halves(mixed: Mixed) -> Iterator[list[Path]]:
    """Give the files in order, then from the middle on: so that both processes find new ones."""
    files = sorted(mixed.folder.iterdir())
    middle = len(files) // 2
    yield files
    yield files[middle:] + files[:middle]


@pytest.mark.slow
@pytest.mark.parametrize("order", ["the same", pytest.param("another", marks=pytest.mark.long)])
def test_two_processes_index_a_folder_at_once(
    index: Index, mixed: Mixed, database_url: str, order: str
) -> None:
    in_order, from_the_middle = halves(mixed)
    second = in_order if order == "the same" else from_the_middle

    with open_store(database_url) as store:
        settings = Settings(home=index.home, snapshot_every=100)
        follower = open_matcher(store, settings)  # sees every commit, one by one
        reports = add_at_once(index, in_order, second, meanwhile=follower.catch_up)

        content = examine(store)
        # each image once, and every source of it
        assert set(content.images.values()) == mixed.images
        assert content.digests == mixed.good
        # entries once each, all of the one bank that both wanted to create
        assert content.entries == set(content.images)
        with store.reader() as catalog:
            assert [(bank.name, bank.entry_count) for bank in catalog.banks.all()] == [
                ("known", len(mixed.images))
            ]
        assert content.changes == 1 + 2 * len(mixed.images)  # the bank, images, entries
        assert content.quarantined == mixed.bad
        assert_views_hold(follower, content)
        assert_views_hold(open_matcher(store, settings), content)  # from the follower's snapshot
    # each process has dealt with every file, and what one added the other did not
    for report in reports:
        assert {item["uri"] for item in report["skipped"]} == mixed.bad
        done = report["added"] + report["duplicates"] + report["unchanged"]
        assert done == len(mixed.good)
    assert sum(report["added"] for report in reports) == len(mixed.images)
    assert sum(report["entries"] for report in reports) == len(mixed.images)
    if order == "another":
        assert min(report["added"] for report in reports) > 0


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        pytest.param([], marks=pytest.mark.long, id="removed"),
        pytest.param(["--purge"], id="purged"),
    ],
)
@pytest.mark.parametrize(
    "database_url", [pytest.param("sqlite", marks=pytest.mark.long), "postgres"], indirect=True
)
def test_a_process_removes_images_while_another_adds_others(
    index: Index, mixed: Mixed, database_url: str, options: list[str]
) -> None:
    files = sorted(mixed.good)
    old, new = files[:40], files[40:]
    start(index, "index", "add", *old, "--bank", "old").finish()
    with open_store(database_url) as store:
        ids = sorted(examine(store).images)
        settings = Settings(home=index.home, snapshot_every=50)
        follower = open_matcher(store, settings)  # sees every commit, one by one

        adding = start(index, "index", "add", *new, "--bank", "new", "--json")
        for part in range(PARTS):
            removing = start(index, "index", "remove", *ids[part::PARTS], *options)
            while removing.running():
                follower.catch_up()
                time.sleep(0.02)
            removing.finish()
        added = json.loads(adding.finish())

        assert added["skipped"] == []
        with store.reader() as catalog:

            def rows(statement: str) -> list[Any]:
                return [tuple(row) for row in catalog.connection.execute(text(statement))]

            active = {bytes(digest) for (digest,) in rows(ACTIVE)}
            sources = {uri: bytes(digest) for uri, digest in rows(SOURCES)}
            log = rows("SELECT number, operation FROM changes ORDER BY number")
            banks = {bank.name: bank.entry_count for bank in catalog.banks.all()}
        # an image of both halves is there or not, as the last of its two writers had it
        shared = {mixed.good[uri] for uri in old} & {mixed.good[uri] for uri in new}
        assert active - shared == {mixed.good[uri] for uri in new} - shared
        assert set(sources.values()) == active
        assert sources.items() <= {uri: mixed.good[uri] for uri in new}.items()
        assert banks == {"old": 0, "new": len(active)}
        assert [number for number, _ in log] == list(range(1, len(log) + 1))
        operations = [operation for _, operation in log]
        assert "added" in operations[operations.index("removed") :]  # they did work at once
        assert verify(store, settings, sample=None).problems == ()
        follower.catch_up()
        for view in follower.views:
            assert view.verify() == []
