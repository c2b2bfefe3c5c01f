"""Ingest jobs: parts that workers take, finish, give back, lose or die of."""

import json
import shutil
import sys
import tarfile
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Any
from unittest.mock import Mock

import pytest

from indexer.errors import InputError, NotFoundError, UnavailableError
from indexer.ingest import JobListing, RayOptions, Worker, check_ray
from indexer.ingest.job_parts import open_part
from indexer.ingest.part_lease import LeaseLost, PartLease
from indexer.sources import SourceItem, list_sources
from indexer.store import Store
from indexer.types import (
    MOST_ATTEMPTS,
    ClaimedPart,
    IngestJob,
    IngestJobOptions,
    IngestPart,
    IngestPartState,
    PartProgress,
    SkippedSource,
)
from support.commands import Index
from support.consistency import examine
from support.deaths import Death, Moment
from support.forked import start
from support.ingesting import NAMES, Place, make_place

LEASE = timedelta(minutes=2)
EXPIRED = timedelta(seconds=-1)
TERMINATED = 143


@pytest.fixture
def place(store: Store, tiny_model: Path, tmp_path: Path) -> Place:
    return make_place(store, tiny_model, tmp_path)


def queue(
    place: Place, *specs: object, name: str = "job", size: int = 2, **options: Any
) -> IngestJob:
    """List sources, the folder by default, as the parts of a job."""
    listed = list_sources([str(spec) for spec in specs or (place.folder,)], place.settings)
    return JobListing(place.store, size).run(listed, IngestJobOptions(**options), name)


def parts_of(store: Store, name: str = "job") -> list[IngestPart]:
    with store.reader() as catalog:
        return catalog.ingest_jobs.parts(name)


def take(store: Store, worker: str = "a", lease: timedelta = LEASE) -> ClaimedPart | None:
    with store.leasing_parts() as leases:
        return leases.take(worker, lease)


def taken(store: Store, worker: str = "a", lease: timedelta = LEASE) -> ClaimedPart:
    part = take(store, worker, lease)
    assert part is not None
    return part


def work(place: Place) -> Worker:
    worker = Worker(place.store, place.settings)
    worker.run(Event())
    return worker


# --- listing -------------------------------------------------------------------------------------


def test_the_parts_of_a_job_are_the_sources_of_a_plain_run(place: Place, tmp_path: Path) -> None:
    bee, crab = place.folder / "bee.jpg", place.folder / "crab.jpg"
    manifest = tmp_path / "list.jsonl"
    row = {"path": "photos/bee.jpg", "bank": "known", "label": "bee", "score": 0.5, "tags": ["a"]}
    moment = {"uri": str(crab), "created_at": "2026-11-01T10:00:00+02:00", "uploader": "u"}
    bad = [{"path": ""}, {"uri": "bee.jpg", "created_at": "never"}]
    manifest.write_text("\n".join(json.dumps(each) for each in (row, moment, *bad)))
    with tarfile.open(tmp_path / "shard.tar", "w") as shard:
        shard.add(bee, "one.jpg")
        shard.add(crab, "two.jpg")
    (place.folder / "\udcff [x].jpg").write_bytes(bee.read_bytes())
    (place.folder / "gone.jpg").symlink_to(place.folder / "missing")
    specs = [place.folder, manifest, tmp_path / "*.tar"]

    job = queue(place, *specs, size=4)

    plain = list(place.found(*specs))
    items = [found for found in plain if isinstance(found, SourceItem)]
    skipped = {found.uri for found in plain if isinstance(found, SkippedSource)}
    claimed = [taken(place.store) for _ in range(job.parts)]
    found = [item for part in claimed for item in open_part(part, place.settings)]
    assert all(isinstance(item, SourceItem) for item in found)
    assert sorted(map(said, found)) == sorted(map(said, items))
    assert [part.images for part in claimed] == [4, 4, None, 1]
    assert examine(place.store).quarantined == skipped


def said(item: Any) -> tuple[Any, ...]:
    return item.stamp.uri, item.stamp.size, item.stamp.version, item.bank or "", str(item.details)


def break_off(images: int) -> None:
    raise ZeroDivisionError(images)


def test_a_listing_that_broke_off_starts_over_and_a_finished_one_does_not(place: Place) -> None:
    stop = Event()
    stop.set()
    listed = list_sources([str(place.folder)], place.settings)
    broken = JobListing(place.store, 2).run(listed, IngestJobOptions(), "job", stop)
    assert broken.listed_at is None

    with pytest.raises(ZeroDivisionError):
        JobListing(place.store, 1, break_off).run(
            list_sources([str(place.folder)], place.settings), IngestJobOptions(), "job"
        )
    assert len(parts_of(place.store)) == len(NAMES)  # written before it broke

    assert (queue(place).parts, queue(place, name="other").images) == (3, 6)
    with pytest.raises(InputError, match="Choose another name"):
        queue(place)


# --- work ----------------------------------------------------------------------------------------


def test_workers_make_the_catalog_that_a_plain_run_makes(place: Place) -> None:
    place.ingest().run(place.found())
    plain = examine(place.store)
    with place.store.writer() as writer:
        writer.images.purge(list(plain.images))

    queue(place, bank="known", frames=1)
    first, second = Worker(place.store, place.settings), Worker(place.store, place.settings, "job")
    first.run(Event(), once=True)
    second.run(Event())

    content = examine_again(place.store)
    assert content == plain.digests
    assert (first.report.parts, second.report.parts) == (1, 2)
    assert first.report.added + second.report.added == len(NAMES)
    parts = parts_of(place.store)
    assert {part.state for part in parts} == {IngestPartState.DONE}
    assert [(part.processed, part.added) for part in parts] == [(2, 2)] * 3
    with place.store.reader() as catalog:
        assert catalog.banks.get("known").entry_count == len(NAMES)
        assert catalog.ingest_jobs.get("job").added == len(NAMES)


def examine_again(store: Store) -> dict[str, bytes]:
    """Return the SHA-256 of the image at each source; purged images are restored under their id."""
    with store.reader() as catalog:
        records = catalog.images.page(limit=99)
        return {uri: record.sha256 for record in records for uri in record.sources}


def test_a_second_job_over_the_same_images_adds_nothing(place: Place) -> None:
    queue(place)
    work(place)
    queue(place, name="again")

    report = work(place).report

    assert (report.parts, report.added, report.unchanged) == (3, 0, len(NAMES))


@pytest.mark.postgres
def test_a_worker_that_lost_its_lease_writes_nothing_more(place: Place) -> None:
    queue(place, size=9)
    part = taken(place.store, "slow", EXPIRED)
    assert taken(place.store, "quick").id == part.id

    with pytest.raises(LeaseLost):
        place.ingest().run(
            open_part(part, place.settings), lease=PartLease(part, "slow", LEASE.total_seconds())
        )

    assert examine(place.store).images == {}
    [kept] = parts_of(place.store)
    assert (kept.worker, kept.processed) == ("quick", 0)


def test_a_lease_that_expired_is_renewed_while_nobody_else_has_the_part(place: Place) -> None:
    queue(place, size=9)
    part = taken(place.store, "slow", EXPIRED)

    place.ingest().run(open_part(part, place.settings), lease=PartLease(part, "slow", 60.0))

    [done] = parts_of(place.store)
    assert (done.state, done.added) == (IngestPartState.DONE, len(NAMES))


def test_a_stopped_worker_gives_its_part_back_without_blame(place: Place) -> None:
    queue(place, size=9)
    stop = Event()
    worker = Worker(place.store, place.settings, None, lambda _part, _report: stop.set())

    worker.run(stop)

    [part] = parts_of(place.store)
    assert (part.state, part.attempts) == (IngestPartState.WAITING, 0)
    assert 0 < part.added == len(examine(place.store).images)
    assert (worker.report.given_back, worker.report.parts) == (1, 0)
    rest = work(place).report
    assert rest.added == len(NAMES) - part.added


@pytest.mark.postgres
def test_a_part_that_three_workers_die_of_goes_to_quarantine_until_it_is_retried(
    store: Store, place: Place
) -> None:
    queue(place)
    for number in range(MOST_ATTEMPTS):
        assert taken(store, f"dead {number}", EXPIRED).number == 1

    assert taken(store, "alive").number == 2

    first = parts_of(store)[0]
    assert (first.state, first.worker) == (IngestPartState.QUARANTINED, "dead 2")
    assert "3 workers in a row" in str(first.reason)
    with store.writer() as writer:
        with pytest.raises(NotFoundError, match="Part 2 of ingest job 'job' is not quarantined"):
            writer.ingest_jobs.retry("job", [1, 2])
        assert writer.ingest_jobs.retry("job", [1]) == 1
    assert taken(store, "again").number == 1


def test_workers_that_get_on_with_a_part_may_die_any_number_of_times(
    store: Store, place: Place
) -> None:
    queue(place, size=9)
    for number in range(3 * MOST_ATTEMPTS):
        part = taken(store, f"dead {number}", EXPIRED)
        with store.writer() as writer:
            progress = PartProgress(processed=1, added=1, is_new=True)
            writer.ingest_leases.advance(part.id, f"dead {number}", EXPIRED, progress)

    assert parts_of(store)[0].attempts == 1


def test_a_part_that_cannot_be_opened_goes_to_quarantine_and_the_others_go_on(
    place: Place, tmp_path: Path
) -> None:
    with tarfile.open(tmp_path / "shard.tar", "w") as shard:
        shard.add(place.folder / "bee.jpg", "one.jpg")
    queue(place, tmp_path / "shard.tar", place.folder)
    shutil.move(tmp_path / "shard.tar", tmp_path / "elsewhere")

    report = work(place).report

    states = {part.label: (part.state, part.reason) for part in parts_of(place.store)}
    state, reason = states.pop(str(tmp_path / "shard.tar"))
    assert (state, report.failed) == (IngestPartState.QUARANTINED, MOST_ATTEMPTS)
    assert "shard.tar" in str(reason)
    assert {state for state, _ in states.values()} == {IngestPartState.DONE}
    assert report.added == len(NAMES)


def test_a_machine_that_sees_none_of_the_files_does_not_call_them_unreadable(place: Place) -> None:
    queue(place)
    place.folder.rename(place.folder.with_name("elsewhere"))

    report = work(place).report

    assert report.failed == 3 * MOST_ATTEMPTS
    assert examine(place.store).quarantined == set()
    assert "Attach their disk" in str(parts_of(place.store)[0].reason)


@pytest.mark.postgres
def test_no_two_workers_get_one_part_and_a_removed_job_is_nobodys(
    store: Store, place: Place
) -> None:
    queue(place)
    claimed = [taken(store, worker) for worker in "abc"]

    assert [part.number for part in claimed] == [1, 2, 3]
    assert take(store, "d") is None
    with store.writer() as writer:
        writer.ingest_jobs.remove("job")
        assert not writer.ingest_leases.advance(claimed[0].id, "a", LEASE, PartProgress())
    with store.leasing_parts() as leases:
        assert not leases.give_back(claimed[1].id, "b")
        assert not leases.fail(claimed[2].id, "c", "why")


# --- commands ------------------------------------------------------------------------------------


@pytest.fixture
def index(place: Place, database_url: str) -> Index:
    extra = {"LOOKALIKE_BATCH_SIZE": "1", "LOOKALIKE_PART_LEASE": "0.05"}
    return Index(place.settings.home, database_url, extra)


def test_the_commands_list_work_and_show(index: Index, place: Place) -> None:
    add = ("index", "add", place.folder, "--queue", "--part-size", 4)

    listed = index.run_here(*add, "--bank", "known", "--json").json
    assert (listed["name"], listed["waiting"], listed["images"]) == ("job-1", 2, 6)
    assert index.run_here("index", "work", "--job", "job-1", "--json").json["added"] == 6
    assert index.run_here("index", "job", "list", "--json").json[0]["done"] == 2
    shown = index.run_here("index", "job", "parts", "job-1").stdout
    assert "4 of 4" in shown
    assert index.run_here("index", "job", "retry", "job-1", "--json").json == {"parts": 0}
    assert "Removed job job-1" in index.run_here("index", "job", "remove", "job-1").stdout
    assert "0 parts done" in index.run_here("index", "work").stdout
    missing = index.run_here("index", "work", "--job", "none", code=4).stderr
    assert "`lookalike index job list` shows them" in missing


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--job", "x"), "--job and --part-size require --queue or --ray"),
        (("--workers", 2), "--workers requires --ray"),
        (("--queue", "--ray", "local"), "exclude each other"),
        (("--queue", "--prune"), "--prune needs a run of its own"),
        (("--queue", "--runtime", "onnx"), "give them to index work"),
        (("--queue", "--part-size", 0), "--part-size"),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, tuple) else "",
)
def test_options_that_exclude_each_other_are_refused(
    tmp_path: Path, options: tuple[object, ...], said: str
) -> None:
    ended = Index(tmp_path / "home").run_here("index", "add", tmp_path, *options, code=2)

    assert said in " ".join(ended.stderr.replace("│", " ").split())


def test_a_ray_cluster_that_does_not_answer_is_said_at_once() -> None:
    options = RayOptions("127.0.0.1:1")
    with pytest.raises(UnavailableError, match=r"The Ray cluster 127\.0\.0\.1:1 cannot be used"):
        check_ray(Mock(file=None), options)


def test_ray_that_is_missing_or_far_from_the_database_is_said_before_anything_is_listed(
    index: Index, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    add = ("index", "add", place.folder, "--ray")
    if place.store.file is not None:
        assert "SQLite is a file" in index.run_here(*add, "10.0.0.1:6379", code=2).stderr
    monkeypatch.setitem(sys.modules, "ray", None)

    assert "pip install 'lookalike[ray]'" in index.run_here(*add, "local", code=2).stderr
    with place.store.reader() as catalog:
        assert catalog.ingest_jobs.page() == []


@pytest.mark.long
def test_a_picture_that_kills_its_workers_is_put_aside_with_its_part(
    index: Index, place: Place
) -> None:
    queue(place, size=3)
    for _ in range(MOST_ATTEMPTS):
        death = Death(Moment.DECODE, 1)
        start(index, "index", "work", death=death).die(death)

    ended = start(index, "index", "work")

    ended.finish(InputError.exit_code)
    assert "part 1 of job is in quarantine: 3 workers in a row" in ended.stderr
    first, second = parts_of(place.store)
    assert (first.state, second.state) == (IngestPartState.QUARANTINED, IngestPartState.DONE)
    index.run_here("index", "job", "retry", "job")
    assert index.run_here("index", "work", "--json").json["added"] == 3
    assert len(examine(place.store).images) == len(NAMES)


@pytest.mark.long
def test_sigterm_finishes_what_is_under_way_and_ends_with_its_own_code(
    index: Index, place: Place
) -> None:
    waiting = start(index, "index", "work", "--wait")
    queue(place, size=1)
    while not any(part.state is IngestPartState.DONE for part in parts_of(place.store)):
        assert waiting.running(), waiting.stderr

    waiting.process.terminate()

    waiting.finish(TERMINATED)
    parts = parts_of(place.store)
    assert {part.state for part in parts} <= {IngestPartState.DONE, IngestPartState.WAITING}
    assert sum(part.added for part in parts) == len(examine(place.store).images)
