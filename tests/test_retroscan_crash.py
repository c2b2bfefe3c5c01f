"""A retro-scan that is killed at any moment goes on where it was and lists each match once."""

from pathlib import Path

import pytest

from indexer.retroscan.scan import PAGE
from indexer.store import Store, open_store
from indexer.types import Fingerprint, FingerprintKind, RetroMatch, RetroScan, ScanState
from support.commands import PHOTOS, Index
from support.deaths import Death, Moment
from support.forked import start

GALLERY = ("bee.jpg", "crab.jpg", "koala.jpg", "swans.jpg")
STEPS = 3
INTERRUPTED = 130

pytestmark = pytest.mark.slow


@pytest.fixture
def index(tmp_path: Path, database_url: str, tiny_model: Path) -> Index:
    """Index a few photos, then block their digests, spread over the steps of a scan."""
    rules = {
        "LOOKALIKE_NEAR_DUPLICATE_LOG_ODDS": "1000",
        "LOOKALIKE_LOOKALIKE_LOG_ODDS": "1000",
    }
    index = Index(tmp_path / "home", database_url, rules)
    index.run_here("init", "--model", tiny_model)
    index.run_here("index", "add", *(PHOTOS / name for name in GALLERY))
    index.run_here("bank", "create", "unsafe")
    with open_store(index.settings.resolved_database_url) as store, store.writer() as writer:
        bank, images = writer.banks.get("unsafe"), writer.images.page()
        digests = [number.to_bytes(32) for number in range(1, (STEPS - 1) * PAGE + PAGE // 2)]
        for place, image in enumerate(images):
            digests.insert(place * len(digests) // len(images), image.sha256)
        for digest in digests:
            writer.entries.add_fingerprint(bank.id, Fingerprint(FingerprintKind.SHA256, digest))
    return index


def scans_and_matches(store: Store) -> tuple[list[RetroScan], list[RetroMatch]]:
    with store.reader() as catalog:
        scans = catalog.retro_scans.page()
        return scans, [match for scan in scans for match in catalog.retro_scans.matches(scan.id)]


@pytest.mark.parametrize("moment", [Moment.WRITTEN, Moment.COMMIT, Moment.COMMITTED])
def test_a_scan_that_is_killed_at_any_step_loses_and_doubles_nothing(
    index: Index, moment: Moment
) -> None:
    # the first write begins the scan, the others move it on; each run dies at its second
    for _ in range(2):
        death = Death(moment, 2)
        start(index, "retro-scan", "run", death=death).die(death)
    start(index, "retro-scan", "run").finish()

    with open_store(index.settings.resolved_database_url) as store:
        [scan], matches = scans_and_matches(store)
        with store.reader() as catalog:
            images = {image.id for image in catalog.images.page()}
    assert scan.state is ScanState.DONE
    assert scan.scanned == (STEPS - 1) * PAGE + PAGE // 2 - 1 + len(GALLERY)
    assert {match.image_id for match in matches} == images
    assert len(matches) == scan.found == len(GALLERY)


def test_ctrl_c_keeps_what_was_found(index: Index) -> None:
    scan = start(index, "retro-scan", "run", "--json")
    with open_store(index.settings.resolved_database_url) as store:
        while not scans_and_matches(store)[0]:
            assert scan.running(), scan.stderr
        scan.interrupt()
        code = scan.wait()
        [stopped], before = scans_and_matches(store)
        assert code == (0 if stopped.state is ScanState.DONE else INTERRUPTED), scan.stderr
        start(index, "retro-scan", "run").finish()
        [done], matches = scans_and_matches(store)
    assert (done.id, done.state) == (stopped.id, ScanState.DONE)
    assert matches[: len(before)] == before
    assert len(matches) == len(GALLERY)
