import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from indexer.errors import DatabaseUnavailable, UnreadableSource
from indexer.ingest import IngestReport
from indexer.ingest.ingest_report import MOST_LISTED
from indexer.sources import SourceItem
from indexer.store.images.image_edits import ImageEdits
from indexer.types import BankKind, SkippedSource, SourceStamp
from support.consistency import examine
from support.ingesting import NAMES, Place, Watched, make_place, noise

PATIENCE = 60  # seconds; nothing here takes so long unless it hangs


@pytest.fixture
def place(store: Any, tiny_model: Path, tmp_path: Path) -> Place:
    return make_place(store, tiny_model, tmp_path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gated(SourceItem):
    """A source that cannot be read before its gate is open."""

    path: Path
    gate: threading.Event

    def read(self, max_bytes: int) -> bytes:
        assert self.gate.wait(PATIENCE)
        return self.path.read_bytes()[: max_bytes + 1]


def gated(path: Path, gate: threading.Event) -> Gated:
    stamp = SourceStamp(f"slow://{path.name}", None, "")
    return Gated(stamp=stamp, root="slow://", path=path, gate=gate)


def test_a_slow_file_holds_up_no_other(place: Place) -> None:
    gate = threading.Event()
    slow = gated(place.folder / "bee.jpg", gate)
    added = []

    def note(report: IngestReport) -> None:
        added.append(report.added)
        if report.added == 4:  # two batches; the sixth picture waits for a batch to fill
            gate.set()

    others = [found for found in place.found() if found.stamp.uri != str(slow.path)]
    report = place.ingest().run([slow, *others], on_progress=note)

    assert 4 in added
    assert report.added == len(NAMES)
    assert "slow://bee.jpg" in examine(place.store).sources


def test_a_source_without_a_version_is_read_again_and_is_unchanged(place: Place) -> None:
    gate = threading.Event()
    gate.set()
    source = gated(place.folder / "bee.jpg", gate)

    assert place.ingest().run([source]) == IngestReport(added=1)
    assert place.ingest().run([source]) == IngestReport(unchanged=1)


def test_a_stopped_run_commits_what_is_under_way_and_can_be_completed(place: Place) -> None:
    stop = threading.Event()

    def stop_at_the_third(_prepared: object, seen: list[int] = []) -> None:  # noqa: B006 -- counts
        seen.append(1)
        if len(seen) == 3:
            stop.set()

    ingest = place.ingest(lambda encoder: Watched(encoder, stop_at_the_third))

    report = ingest.run(many(place, 60), stop=stop)

    assert report.interrupted
    assert 3 <= report.added < 60
    assert len(examine(place.store).images) == report.added
    again = place.ingest().run(many(place, 60))
    assert (again.added, again.unchanged) == (60 - report.added, report.added)
    assert not again.interrupted


def test_a_stop_that_comes_before_anything_ends_the_run_at_once(place: Place) -> None:
    stop = threading.Event()
    stop.set()

    report = place.ingest().run(endless(place), stop=stop)

    assert report.interrupted


def test_a_stop_does_not_wait_for_sources_that_never_come(place: Place) -> None:
    stop, never = threading.Event(), threading.Event()

    def trickle() -> Iterator[SourceItem]:
        yield from place.found()
        stop.set()
        never.wait(PATIENCE)  # as a list on stdin whose writer hangs

    report = place.ingest().run(trickle(), stop=stop)
    never.set()

    assert report.interrupted


@pytest.mark.parametrize("batch_size", [1, 4])
def test_a_fault_of_the_model_ends_the_run_after_what_was_complete_is_committed(
    place: Place, batch_size: int
) -> None:
    calls = []

    def fail_later(prepared: Sequence[object]) -> None:
        calls.append(len(prepared))
        if sum(calls) > 5:
            raise RuntimeError("out of memory on the device")

    ingest = place.ingest(lambda encoder: Watched(encoder, fail_later, batch_size))

    with pytest.raises(RuntimeError, match="out of memory"):
        ingest.run(many(place, 60))

    assert 0 < len(examine(place.store).images) <= 5
    assert place.ingest().run(many(place, 60)).done == 60


def test_a_fault_in_listing_ends_the_run_with_its_error(place: Place) -> None:
    def broken() -> Iterator[SourceItem]:
        yield from place.found()
        raise UnreadableSource("the listing broke off")

    with pytest.raises(UnreadableSource, match="broke off"):
        place.ingest().run(broken())

    examine(place.store)


@pytest.mark.postgres
def test_a_database_that_goes_away_ends_the_run_with_its_error(place: Place) -> None:
    calls = []

    def fail_later(images: ImageEdits, items: Any, space_id: int) -> Any:
        calls.append(1)
        if len(calls) > 2:
            raise DatabaseUnavailable("gone")
        return add(images, items, space_id)

    add = ImageEdits.add
    with (
        patch.object(ImageEdits, "add", fail_later),
        pytest.raises(DatabaseUnavailable, match="gone"),
    ):
        place.ingest().run(many(place, 40))

    assert len(examine(place.store).images) == 4  # two batches
    assert [t.name for t in threading.enumerate() if t.name.startswith("encode")] == []


def test_nothing_runs_ahead_of_the_model(place: Place) -> None:
    # the model stands still: everything before it fills up and waits
    gate, seen = threading.Event(), []

    def wait(_prepared: object) -> None:
        gate.wait(PATIENCE)

    def counted() -> Iterator[SourceItem]:
        for found in endless(place):
            seen.append(found)
            yield found

    stop = threading.Event()
    ingest = place.ingest(lambda encoder: Watched(encoder, wait))
    run = threading.Thread(target=ingest.run, args=(counted(),), kwargs={"stop": stop})
    run.start()
    before = -1
    while len(seen) != before:
        before = len(seen)
        threading.Event().wait(0.5)
    stop.set()
    gate.set()
    run.join(PATIENCE)

    assert before <= 512 + 200  # one lookup, and what the channels hold
    assert not run.is_alive()


def test_a_report_lists_skipped_sources_up_to_a_bound(place: Place) -> None:
    bad = [SkippedSource(f"/pictures/{n}", "dangling_link", "?") for n in range(MOST_LISTED + 50)]

    report = place.ingest().run(bad)

    assert report.skipped_count == report.done == MOST_LISTED + 50
    assert len(report.skipped) == MOST_LISTED
    assert report.skipped == sorted(report.skipped, key=lambda item: item.uri)
    with place.store.reader() as catalog:
        assert catalog.gauges.counts().quarantined == MOST_LISTED + 50


def test_a_manifest_says_banks_and_details(place: Place, tmp_path: Path) -> None:
    manifest = tmp_path / "list.csv"
    rows = [
        f"uri,bank,label,origin\n{place.folder}/bee.jpg,press,insect,A\n",
        f"{place.folder}/crab.jpg,,shellfish,B\n{place.folder}/koala.jpg,no spaces,,\n",
    ]
    manifest.write_text("".join(rows))
    with place.store.writer() as writer:
        default = writer.banks.create("known", BankKind.BLOCK).id

    report = place.ingest().run(place.found(manifest), bank_id=default)

    assert (report.added, report.entries) == (2, 2)
    assert [item.code for item in report.skipped] == ["invalid_name"]
    with place.store.reader() as catalog:
        assert {bank.name: bank.entry_count for bank in catalog.banks.all()} == {
            "known": 1,
            "press": 1,
        }
    # what a manifest says anew of an unchanged picture is remembered, too
    manifest.write_text(f"uri,bank,label\n{place.folder}/bee.jpg,known,wasp\n")
    again = place.ingest().run(place.found(manifest))
    assert (again.unchanged, again.entries) == (1, 1)
    assert again.bytes == 0


def many(place: Place, count: int) -> Any:
    """Find that many pictures of their own."""
    folder = place.folder.parent / "many"
    if not folder.exists():
        folder.mkdir()
        for number in range(count):
            noise(folder / f"{number:03}.png", number)
    return place.found(folder)


def endless(place: Place) -> Iterator[SourceItem]:
    """Find one picture again and again."""
    gate = threading.Event()
    gate.set()
    while True:
        yield gated(place.folder / "bee.jpg", gate)
