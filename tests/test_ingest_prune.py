import shutil
import tarfile
import threading
from pathlib import Path
from typing import Any

import pytest

from indexer.ingest import IngestOptions, IngestReport
from indexer.ingest.walk_coverage import WalkCoverage
from indexer.types import SkippedSource
from support.ingesting import NAMES, Place, make_place, rewrite

PRUNE = IngestOptions(prune=True)
WITH_ORPHANS = IngestOptions(prune=True, remove_orphans=True)


@pytest.fixture
def place(store: Any, tiny_model: Path, tmp_path: Path) -> Place:
    return make_place(store, tiny_model, tmp_path)


def images(place: Place) -> int:
    with place.store.reader() as catalog:
        return catalog.gauges.counts().images


def sources(place: Place) -> int:
    with place.store.reader() as catalog:
        return catalog.gauges.counts().sources


def test_a_file_that_is_gone_is_closed_and_its_image_stays(place: Place) -> None:
    bee = place.folder / "bee.jpg"
    place.ingest().run(place.found())
    image_id = place.image_at(bee)
    bee.unlink()

    report = place.ingest().run(place.found(), PRUNE)

    assert report == IngestReport(unchanged=5, pruned=1, orphaned=1)
    assert place.sources_of(image_id) == ()
    assert images(place) == 6
    assert place.ingest().run(place.found(), PRUNE) == IngestReport(unchanged=5)


def test_an_image_without_a_source_is_removed_when_that_is_asked_for(place: Place) -> None:
    shutil.copy(place.folder / "bee.jpg", place.folder / "zebra.jpg")
    place.ingest().run(place.found())
    for name in ("bee.jpg", "crab.jpg"):  # of the bee a copy is left
        (place.folder / name).unlink()

    report = place.ingest().run(place.found(), WITH_ORPHANS)

    assert (report.pruned, report.orphaned, report.removed) == (2, 1, 1)
    assert images(place) == 5


def test_without_prune_nothing_is_closed(place: Place) -> None:
    place.ingest().run(place.found())
    (place.folder / "bee.jpg").unlink()

    place.ingest().run(place.found())

    assert sources(place) == 6


def test_only_what_lies_beneath_the_walked_folder_can_be_gone(place: Place, tmp_path: Path) -> None:
    other = tmp_path / "photos-2024"  # begins alike, and is another folder
    shutil.copytree(place.folder, other)
    place.ingest().run(place.found(place.folder, other))
    (place.folder / "bee.jpg").unlink()
    (other / "crab.jpg").unlink()

    assert place.ingest().run(place.found(), PRUNE).pruned == 1
    assert sources(place) == 11


def test_a_changed_file_and_one_that_cannot_be_read_are_not_gone(place: Place) -> None:
    place.ingest().run(place.found())
    rewrite(place.folder / "bee.jpg", b"not a picture any more")
    rewrite(place.folder / "crab.jpg", (place.folder / "koala.jpg").read_bytes())

    report = place.ingest().run(place.found(), PRUNE)

    assert (report.pruned, report.skipped_count, report.changed) == (0, 1, 1)


def test_a_member_that_left_its_archive_is_closed(place: Place, tmp_path: Path) -> None:
    shard = tmp_path / "shard.tar"
    pack(shard, place.folder, NAMES)
    place.ingest().run(place.found(shard))
    pack(shard, place.folder, NAMES[1:])

    assert place.ingest().run(place.found(shard), PRUNE).pruned == 1


def test_a_damaged_archive_keeps_what_was_known_in_it(place: Place, tmp_path: Path) -> None:
    shard = tmp_path / "shard.tar"
    pack(shard, place.folder, NAMES)
    place.ingest().run(place.found(shard))
    shard.write_bytes(shard.read_bytes()[: shard.stat().st_size // 2])

    report = place.ingest().run(place.found(shard), PRUNE)

    assert report.pruned == 0
    assert report.skipped_count > 0


def test_what_lies_behind_a_link_that_dangles_is_kept(place: Place, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    shutil.copy(place.folder / "bee.jpg", disk / "hedgehog.jpg")
    (place.folder / "linked").symlink_to(disk)
    place.ingest().run(place.found(follow_links=True))
    disk.rename(tmp_path / "detached")
    (place.folder / "crab.jpg").unlink()

    report = place.ingest().run(place.found(follow_links=True), PRUNE)

    assert (report.pruned, report.skipped_count) == (1, 1)


def test_what_lies_behind_a_link_that_is_followed_no_more_is_kept(
    place: Place, tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    shutil.copy(place.folder / "bee.jpg", disk / "hedgehog.jpg")
    (place.folder / "linked").symlink_to(disk)
    place.ingest().run(place.found(follow_links=True))

    report = place.ingest().run(place.found(), PRUNE)

    assert (report.pruned, report.skipped_count, report.links_not_followed) == (0, 0, 1)
    with place.store.reader() as catalog:
        assert catalog.quarantine.page() == []


def test_an_empty_folder_is_taken_for_a_disk_that_is_not_attached(place: Place) -> None:
    place.ingest().run(place.found())
    for path in place.folder.iterdir():
        path.unlink()

    assert place.ingest().run(place.found(), PRUNE).pruned == 0


def test_a_walk_that_was_stopped_closes_nothing(place: Place) -> None:
    place.ingest().run(place.found())
    (place.folder / "bee.jpg").unlink()
    stop = threading.Event()
    stop.set()

    report = place.ingest().run(place.found(), PRUNE, stop=stop)

    assert report.interrupted
    assert sources(place) == 6


def test_files_whose_names_are_no_text_can_be_gone_as_well(place: Place) -> None:
    odd = place.folder / "odd\udcff.jpg"
    shutil.copy(place.folder / "bee.jpg", odd)
    place.ingest().run(place.found())
    odd.unlink()

    assert place.ingest().run(place.found(), PRUNE).pruned == 1


def test_a_walk_with_too_many_blind_spots_says_nothing_is_gone() -> None:
    coverage = WalkCoverage()

    for number in range(10_000):
        coverage.note(SkippedSource(f"/photos/{number}", "dangling_link", "?"))

    assert not coverage.is_known


def pack(shard: Path, folder: Path, names: tuple[str, ...]) -> None:
    with tarfile.open(shard, "w") as archive:
        for name in names:
            archive.add(folder / name, name)
