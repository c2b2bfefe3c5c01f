"""Feeding a mixed folder to an index, and what must be there whatever happened meanwhile."""

import time
from collections.abc import Callable
from math import inf
from pathlib import Path

from indexer.matching import Matcher, open_matcher
from indexer.settings import Settings
from indexer.store import Store
from indexer.types import Tier
from indexer.upkeep.consistency import verify
from support.commands import Index
from support.consistency import Content, assert_views_hold, examine
from support.deaths import Death
from support.forked import Forked, start
from support.mixed import Mixed
from support.queries import match

SKIPPED_SOME = 2
BANK = "known"
BATCH = 8
SNAPSHOT_EVERY = 16


def make_index(home: Path, model: Path | str, database_url: str | None = None) -> Index:
    """Make an index that commits and writes snapshots after a few images."""
    environment = {
        "LOOKALIKE_BATCH_SIZE": str(BATCH),
        "LOOKALIKE_SNAPSHOT_EVERY": str(SNAPSHOT_EVERY),
    }
    index = Index(home, database_url, environment)
    start(index, "init", "--model", model).finish()
    return index


def start_adding(index: Index, mixed: Mixed, death: Death | None = None) -> Forked:
    return start(index, "index", "add", mixed.folder, "--bank", BANK, "--json", death=death)


def wait_for_images(
    store: Store, running: Callable[[], bool], wanted: int, seconds: float = inf
) -> None:
    """Wait until that many images are committed, or so long."""
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up:
        still_running = running()
        with store.reader() as catalog:
            committed = catalog.gauges.counts().images
        if committed >= wanted:
            return
        assert still_running, f"it ended with {committed} of {wanted} images"
        time.sleep(0.005)


def open_views(index: Index, store: Store) -> Matcher:
    return open_matcher(store, _settings(index))


def assert_sound(index: Index, store: Store) -> None:
    """Check that `verify` finds nothing, comparing every vector."""
    problems = verify(store, _settings(index), sample=None).problems
    assert not problems, problems


def assert_kept(index: Index, store: Store, before: Content) -> Content:
    """Check that all is sound and what was there still is; return what is there now."""
    content = examine(store)
    assert content.keeps(before), "something that was there is gone"
    assert_sound(index, store)
    return content


def assert_complete(index: Index, store: Store, mixed: Mixed) -> Content:
    """Check that nothing is lost, nothing is there twice, and search finds every file."""
    content = examine(store)
    assert set(content.images.values()) == mixed.images
    assert content.digests == mixed.good
    assert content.entries == set(content.images)
    assert content.quarantined == mixed.bad
    assert_sound(index, store)
    matcher = open_views(index, store)
    assert_views_hold(matcher, content)
    for uri in mixed.good:
        verdict = match(matcher, Path(uri).read_bytes(), uri, k=1)
        assert (verdict.tier, verdict.banks) == (Tier.EXACT, (BANK,))
        assert verdict.matches[0].image_id == content.sources[uri]
    return content


def _settings(index: Index) -> Settings:
    return Settings(home=index.home, database_url=index.database_url, snapshot_every=SNAPSHOT_EVERY)
