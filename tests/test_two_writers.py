import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from indexer.matching import open_matcher
from indexer.settings import Settings
from indexer.store import open_store
from support.commands import Index
from support.consistency import assert_views_hold, examine
from support.forked import make_gate, start
from support.mixed import Mixed, make_mixed
from support.models import make_tiny

SKIPPED_SOME = 2


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the smallest model: what counts here is who writes when."""
    return make_tiny(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Mixed:
    return make_mixed(tmp_path_factory.mktemp("mixed") / "folder", 300)


@pytest.fixture
def index(tmp_path: Path, database_url: str, model: Path) -> Index:
    index = Index(tmp_path / "home", database_url, {"LOOKALIKE_BATCH_SIZE": "8"})
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
@pytest.mark.parametrize("order", ["the same", "another"])
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
            assert [(bank.name, bank.entry_count) for bank in catalog.banks()] == [
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
