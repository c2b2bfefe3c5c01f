import json
import os
import random
import resource
import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from structlog.testing import capture_logs

from indexer.errors import SnapshotMismatch, SnapshotNotWritten
from indexer.types import Keys, VectorChanges, VectorKeys
from indexer.vectors import SnapshotPolicy, VectorView
from indexer.vectors.binary_index import BinaryIndex
from indexer.vectors.faiss_index import FloatIndex
from support.extent import extent
from support.killed_writer import kill_a_writer
from support.memory_feed import D, MemoryFeed

NEVER = 10**9
POLICY = SnapshotPolicy(NEVER, NEVER)


@pytest.fixture
def feed() -> MemoryFeed:
    feed = MemoryFeed()
    feed.put(*range(300))
    feed.put(7, 8, frames=3)
    feed.drop(1, 2)
    return feed


def open_view(
    folder: Path,
    feed: MemoryFeed,
    *,
    dimension: int = D,
    snapshot_every: int = NEVER,
    from_log: bool = False,
) -> VectorView:
    policy = replace(POLICY, every=snapshot_every)
    return VectorView.open(
        folder / "embeddings", feed, lambda: FloatIndex(dimension), policy, from_log=from_log
    )


def assert_equals_log(view: VectorView, feed: MemoryFeed) -> None:
    view.catch_up()
    assert view.watermark == feed.head()
    keys, vectors = view.index.reconstruct(np.array([*feed.state, 10**6]))
    expected = [(key, rows) for key, rows in sorted(feed.state.items())]
    assert keys.tolist() == [key for key, rows in expected for _ in rows]
    assert view.index.keys().tolist() == keys.tolist()
    np.testing.assert_array_equal(vectors, np.concatenate([rows for _, rows in expected]))
    for key in list(feed.state)[:20]:
        assert view.index.search(feed.state[key][:1], 1).keys[0, 0] == key


def assert_opens_quietly(folder: Path, feed: MemoryFeed, *, at: int) -> VectorView:
    with capture_logs() as logs:
        view = open_view(folder, feed)
    assert logs == []
    assert view.watermark == at
    assert_equals_log(view, feed)
    return view


def assert_rebuilds_with_a_warning(
    folder: Path, feed: MemoryFeed, why: str, *, at: int = 0
) -> VectorView:
    with capture_logs() as logs:
        view = open_view(folder, feed)
    assert {entry["log_level"] for entry in logs} == {"warning"}
    assert any(why in entry["reason"] for entry in logs)
    assert view.watermark == at
    assert_equals_log(view, feed)
    return view


def snapshots_in(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "embeddings").glob("snapshot-*"))


def snapshot_of(folder: Path, feed: MemoryFeed) -> Path:
    view = open_view(folder, feed)
    view.catch_up()
    return view.snapshot()


def test_a_view_without_a_snapshot_is_built_from_the_log(tmp_path: Path, feed: MemoryFeed) -> None:
    view = open_view(tmp_path, feed)
    assert view.lag() == feed.head()
    assert view.catch_up() == feed.head()
    assert view.lag() == 0
    assert_equals_log(view, feed)


def test_catching_up_twice_changes_nothing(tmp_path: Path, feed: MemoryFeed) -> None:
    view = open_view(tmp_path, feed)
    view.catch_up()
    assert view.catch_up() == 0
    assert_equals_log(view, feed)


def test_a_change_is_followed_and_a_deletion_is_a_change(tmp_path: Path, feed: MemoryFeed) -> None:
    view = open_view(tmp_path, feed)
    view.catch_up()
    feed.put(1000)
    feed.drop(7)
    feed.put(8)
    assert view.catch_up() == 3
    assert_equals_log(view, feed)


def test_a_snapshot_is_loaded_and_only_later_changes_are_read(
    tmp_path: Path, feed: MemoryFeed
) -> None:
    snapshot_of(tmp_path, feed)
    written_at = feed.head()
    feed.put(2000)
    feed.reads = 0
    view = assert_opens_quietly(tmp_path, feed, at=written_at)
    assert feed.reads == 1
    assert view.verify() == []


def test_a_binary_view_survives_a_round_trip(tmp_path: Path) -> None:
    bits = np.random.default_rng(0).integers(0, 256, (50, 32)).astype(np.uint8)

    class BitFeed(MemoryFeed):
        def head(self) -> int:
            return 50

        def mark(self, number: int) -> str | None:
            return str(number) if number else ""

        def read(self, after: int, limit: int) -> VectorChanges:
            keys = np.arange(after, min(50, after + limit))
            return VectorChanges(after + len(keys), keys, bits[keys], np.zeros(0, np.int64))

    first = VectorView.open(tmp_path / "pdq", BitFeed(), BinaryIndex, POLICY)
    first.catch_up()
    first.snapshot()
    second = VectorView.open(tmp_path / "pdq", BitFeed(), BinaryIndex, POLICY)
    assert second.watermark == 50
    np.testing.assert_array_equal(second.index.reconstruct(np.arange(50))[1], bits)


def test_an_empty_log_has_a_snapshot_too(tmp_path: Path) -> None:
    feed = MemoryFeed()
    open_view(tmp_path, feed).snapshot()
    view = open_view(tmp_path, feed)
    assert len(view.index) == 0
    assert view.verify() == []


def test_rows_that_died_stay_dead_in_a_snapshot(tmp_path: Path, feed: MemoryFeed) -> None:
    view = open_view(tmp_path, feed)
    view.catch_up()
    feed.drop(10, 11)
    view.catch_up()
    folder = view.snapshot()
    assert list(folder.glob("*.dead.npy"))
    assert_opens_quietly(tmp_path, feed, at=feed.head())


def test_a_snapshot_is_written_when_enough_changed(tmp_path: Path, feed: MemoryFeed) -> None:
    view = open_view(tmp_path, feed, snapshot_every=100)
    view.catch_up()
    assert len(snapshots_in(tmp_path)) == 1
    feed.put(*range(3000, 3099))
    view.catch_up()
    assert len(snapshots_in(tmp_path)) == 1
    feed.put(3099)
    view.catch_up()
    assert len(snapshots_in(tmp_path)) == 2


def test_a_second_snapshot_costs_what_was_added(tmp_path: Path) -> None:
    feed = MemoryFeed()
    feed.put(*range(5000))
    view = open_view(tmp_path, feed)
    view.catch_up()
    first = view.snapshot()
    assert {path.stat().st_nlink for path in first.iterdir()} == {1}
    feed.put(*range(5000, 5010))
    view.catch_up()
    second = view.snapshot()
    fresh = sum(path.stat().st_size for path in second.iterdir() if path.stat().st_nlink == 1)
    whole = sum(path.stat().st_size for path in second.iterdir())
    assert whole > 5010 * D * 4
    assert fresh < whole / 50


def test_a_reopened_view_still_links_what_it_loaded(tmp_path: Path, feed: MemoryFeed) -> None:
    snapshot_of(tmp_path, feed)
    feed.put(5000)
    second = snapshot_of(tmp_path, feed)
    assert max(path.stat().st_nlink for path in second.iterdir()) == 2
    assert_opens_quietly(tmp_path, feed, at=feed.head())


def test_files_are_copied_where_they_cannot_be_linked(
    tmp_path: Path, feed: MemoryFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot_of(tmp_path, feed)
    feed.put(5000)

    def no_links(source: Path, target: Path) -> None:
        raise PermissionError(1, "Operation not permitted", str(source), None, str(target))

    monkeypatch.setattr(os, "link", no_links)
    second = snapshot_of(tmp_path, feed)
    assert {path.stat().st_nlink for path in second.iterdir()} == {1}
    shutil.rmtree(tmp_path / "embeddings" / snapshots_in(tmp_path)[0])
    assert_opens_quietly(tmp_path, feed, at=feed.head())


def test_the_newest_two_snapshots_stay(tmp_path: Path, feed: MemoryFeed) -> None:
    view = open_view(tmp_path, feed)
    for key in range(5000, 5004):
        feed.put(key)
        view.catch_up()
        view.snapshot()
    assert [int(name[-20:]) for name in snapshots_in(tmp_path)] == [feed.head() - 1, feed.head()]
    assert_opens_quietly(tmp_path, feed, at=feed.head())


def test_a_snapshot_that_exists_is_not_written_again(tmp_path: Path, feed: MemoryFeed) -> None:
    first = snapshot_of(tmp_path, feed)
    written = (first / "manifest.json").stat().st_mtime_ns
    assert open_view(tmp_path, feed).snapshot() == first
    assert (first / "manifest.json").stat().st_mtime_ns == written


def flip_a_bit(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[random.Random(path.name).randrange(len(data))] ^= 1 << 3
    rewrite(path, bytes(data))


def truncate(path: Path) -> None:
    rewrite(path, path.read_bytes()[: path.stat().st_size // 2])


def rewrite(path: Path, data: bytes) -> None:
    path.unlink()  # do not write through a hard link
    path.write_bytes(data)


@pytest.mark.parametrize("damage", [flip_a_bit, truncate, Path.unlink])
@pytest.mark.parametrize("pattern", ["*.vectors.npy", "*.keys.npy", "*.dead.npy", "manifest.json"])
def test_a_damaged_file_means_a_rebuild_from_the_log(
    tmp_path: Path, pattern: str, damage: Callable[[Path], None]
) -> None:
    feed = MemoryFeed()
    feed.put(*range(200))
    view = open_view(tmp_path, feed)
    view.catch_up()
    feed.drop(3)
    view.catch_up()
    damaged = next(view.snapshot().glob(pattern))
    damage(damaged)
    view = assert_rebuilds_with_a_warning(tmp_path, feed, snapshots_in(tmp_path)[0])
    view.snapshot()
    assert_opens_quietly(tmp_path, feed, at=feed.head())


@pytest.mark.parametrize("content", [b"", b"not JSON", b"[]", b"{}", b"\xff\xfe", b'"text"'])
def test_a_manifest_that_is_none_means_a_rebuild(
    tmp_path: Path, feed: MemoryFeed, content: bytes
) -> None:
    rewrite(snapshot_of(tmp_path, feed) / "manifest.json", content)
    assert_rebuilds_with_a_warning(tmp_path, feed, "is not a valid manifest")


def test_no_flipped_bit_in_a_manifest_goes_unnoticed(tmp_path: Path, feed: MemoryFeed) -> None:
    manifest = snapshot_of(tmp_path, feed) / "manifest.json"
    data = manifest.read_bytes()
    for position in range(0, len(data), 7):
        spoilt = bytearray(data)
        spoilt[position] ^= 1 << (position % 8)
        rewrite(manifest, bytes(spoilt))
        with capture_logs() as logs:
            assert open_view(tmp_path, feed).watermark == 0
        assert len(logs) == 1


def test_a_manifest_of_a_later_format_means_a_rebuild(tmp_path: Path, feed: MemoryFeed) -> None:
    manifest = snapshot_of(tmp_path, feed) / "manifest.json"
    rewrite(
        manifest, json.dumps(json.loads(manifest.read_text()) | {"format_version": 99}).encode()
    )
    assert_rebuilds_with_a_warning(tmp_path, feed, "format 99")


def test_a_damaged_snapshot_falls_back_on_the_one_before(tmp_path: Path, feed: MemoryFeed) -> None:
    snapshot_of(tmp_path, feed)
    first_at = feed.head()
    feed.put(5000)
    flip_a_bit(snapshot_of(tmp_path, feed) / "manifest.json")
    assert_rebuilds_with_a_warning(tmp_path, feed, "manifest", at=first_at)


def test_another_logs_snapshot_is_refused(tmp_path: Path, feed: MemoryFeed) -> None:
    snapshot_of(tmp_path, feed)
    feed.log_id = "log-2"
    view = assert_rebuilds_with_a_warning(tmp_path, feed, "log_id")
    view.snapshot()
    assert_opens_quietly(tmp_path, feed, at=feed.head())


def test_a_snapshot_ahead_of_the_log_is_refused_and_replaced(
    tmp_path: Path, feed: MemoryFeed
) -> None:
    snapshot_of(tmp_path, feed)
    older = MemoryFeed()
    older.put(*range(20))
    view = assert_rebuilds_with_a_warning(tmp_path, older, "ahead of the log")
    view.snapshot()
    assert snapshots_in(tmp_path) == [f"snapshot-{20:020d}"]
    assert_opens_quietly(tmp_path, older, at=20)


def test_a_snapshot_of_a_database_that_was_restored_and_written_to_again_is_refused(
    tmp_path: Path, feed: MemoryFeed
) -> None:
    snapshot_of(tmp_path, feed)
    feed.era = "after the restore"
    feed.put(5000)
    view = assert_rebuilds_with_a_warning(tmp_path, feed, "went back to an older state")
    view.snapshot()
    assert_opens_quietly(tmp_path, feed, at=feed.head())


def test_a_snapshot_under_another_ones_name_is_refused(tmp_path: Path, feed: MemoryFeed) -> None:
    path = snapshot_of(tmp_path, feed)
    path.rename(path.with_name(f"snapshot-{5:020d}"))
    assert_rebuilds_with_a_warning(tmp_path, feed, "holds the state at change")


def test_a_snapshot_of_another_dimension_is_refused(tmp_path: Path, feed: MemoryFeed) -> None:
    snapshot_of(tmp_path, feed)
    with capture_logs() as logs:
        assert open_view(tmp_path, feed, dimension=D + 1).watermark == 0
    assert "dimension" in logs[0]["reason"]


def test_a_log_that_went_back_is_an_error(tmp_path: Path, feed: MemoryFeed) -> None:
    view = open_view(tmp_path, feed)
    view.catch_up()
    del feed.changes[-1]
    with pytest.raises(SnapshotMismatch, match="older state"):
        view.catch_up()


def test_a_log_that_went_back_and_on_again_is_an_error(tmp_path: Path, feed: MemoryFeed) -> None:
    view = open_view(tmp_path, feed)
    view.catch_up()
    feed.era = "after the restore"
    assert view.catch_up() == 0  # as long as before: nothing to apply, nothing to compare
    feed.put(5000)
    with pytest.raises(SnapshotMismatch, match="older state"):
        view.catch_up()


def test_a_folder_that_cannot_be_used_is_a_warning_and_the_view_works(
    tmp_path: Path, feed: MemoryFeed
) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    with capture_logs() as logs:
        view = open_view(in_the_way, feed, snapshot_every=100)
        assert_equals_log(view, feed)
    assert [entry["log_level"] for entry in logs] == ["warning", "warning"]
    with pytest.raises(SnapshotNotWritten, match="could not be written"):
        view.snapshot()


@contextmanager
def files_limited_to(size: int) -> Iterator[None]:
    """Make writes fail beyond `size` bytes a file, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("room", [0, 100, 5_000, 19_300])
def test_a_disk_that_fills_up_leaves_the_old_snapshot_and_the_view(
    tmp_path: Path, feed: MemoryFeed, room: int
) -> None:
    snapshot_of(tmp_path, feed)
    old_at = feed.head()
    view = open_view(tmp_path, feed, snapshot_every=100)
    feed.put(*range(5000, 5300))
    with files_limited_to(room), capture_logs() as logs:
        assert view.catch_up() == 300
        with pytest.raises(SnapshotNotWritten):
            view.snapshot()
    assert [entry["event"] for entry in logs] == ["snapshot not written"]
    assert sorted(path.name for path in (tmp_path / "embeddings").iterdir()) == [
        "lock",
        f"snapshot-{old_at:020d}",
    ]
    assert_equals_log(view, feed)
    assert_opens_quietly(tmp_path, feed, at=old_at)
    view.snapshot()
    assert_opens_quietly(tmp_path, feed, at=feed.head())


def test_rests_of_a_dead_writer_are_removed(tmp_path: Path, feed: MemoryFeed) -> None:
    rest = tmp_path / "embeddings" / "unfinished-0123"
    rest.mkdir(parents=True)
    (rest / "segment-1.faiss").write_bytes(b"half a file")
    view = open_view(tmp_path, feed)
    assert rest.exists()
    view.snapshot()
    assert not rest.exists()


def test_a_snapshot_that_another_view_removed_is_written_anew(
    tmp_path: Path, feed: MemoryFeed
) -> None:
    view = open_view(tmp_path, feed)
    view.catch_up()
    shutil.rmtree(view.snapshot())
    view.snapshot()
    assert_opens_quietly(tmp_path, feed, at=feed.head())


def test_verify_names_what_is_wrong_and_the_next_snapshot_repairs_it(
    tmp_path: Path, feed: MemoryFeed
) -> None:
    view = open_view(tmp_path, feed)
    view.catch_up()
    flip_a_bit(next(view.snapshot().glob("*.vectors.npy")))
    view.index.remove(np.array([20, 21]))
    view.index.add(np.array([9000]), feed.state[30])
    view.index.add(np.array([7]), feed.state[30])
    damaged, missing, surplus, other = view.verify()
    assert "SHA-256" in damaged
    assert "lacks 2 images, the first is 20" in missing
    assert "holds 1 images that the log does not, the first is 9000" in surplus
    assert "1 images, the first is 7" in other
    healthy = open_view(tmp_path, feed)
    healthy.catch_up()
    healthy.snapshot()
    assert healthy.verify() == []


def test_threads_catch_up_and_write_snapshots_at_once(tmp_path: Path, feed: MemoryFeed) -> None:
    view = open_view(tmp_path, feed, snapshot_every=5)
    growing = threading.Lock()

    def work(number: int) -> None:
        for step in range(10):
            with growing:
                feed.put(10_000 + 100 * number + step)
            view.catch_up()
            if step % 3 == 0:
                view.snapshot()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert_equals_log(view, feed)
    assert view.verify() == []
    view.snapshot()
    assert_opens_quietly(tmp_path, feed, at=feed.head())


def test_views_that_share_a_folder_do_not_hurt_each_other(tmp_path: Path, feed: MemoryFeed) -> None:
    def write(_: int) -> None:
        view = open_view(tmp_path, feed)
        view.catch_up()
        view.snapshot()

    with capture_logs() as logs, ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(8)))
    assert logs == []
    assert len(snapshots_in(tmp_path)) == 1
    assert_opens_quietly(tmp_path, feed, at=feed.head())


@pytest.mark.slow
def test_kill_9_at_any_moment_leaves_a_view_that_opens(tmp_path: Path) -> None:
    moments = random.Random(9)
    feed = MemoryFeed()
    feed.put(*range(5000))
    watermark = 0
    for _ in range(extent(4, 10)):
        keys = range(watermark, 5000, 50)
        kill_a_writer(tmp_path, "test_view", keys, seconds=moments.uniform(0.0, 0.15))
        with capture_logs() as logs:
            view = open_view(tmp_path, feed)
        assert logs == []
        assert view.watermark >= watermark
        watermark = view.watermark
        assert_equals_log(view, feed)
        assert view.verify() == []
    assert watermark > 0


# --- when snapshots are written ------------------------------------------------------------------


def test_a_snapshot_is_written_after_a_time_however_little_changed(
    tmp_path: Path, feed: MemoryFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr("indexer.vectors.snapshot_policy.monotonic", lambda: now)
    policy = SnapshotPolicy(every=NEVER, seconds=60)
    view = VectorView.open(tmp_path / "embeddings", feed, lambda: FloatIndex(D), policy)
    view.catch_up()
    now += 59
    view.catch_up()
    assert snapshots_in(tmp_path) == []
    now += 1
    view.catch_up()
    assert len(snapshots_in(tmp_path)) == 1
    now += 600
    view.catch_up()  # nothing has changed since
    assert len(snapshots_in(tmp_path)) == 1
    feed.put(5000)
    view.catch_up()
    assert len(snapshots_in(tmp_path)) == 2


def test_a_view_that_lags_does_not_write_what_another_has_outgrown(
    tmp_path: Path, feed: MemoryFeed
) -> None:
    behind = open_view(tmp_path, feed)
    behind.catch_up()
    feed.put(5000)
    newest = snapshot_of(tmp_path, feed)
    assert behind.snapshot() == newest
    assert snapshots_in(tmp_path) == [newest.name]


def test_as_many_snapshots_stay_as_the_policy_says(tmp_path: Path, feed: MemoryFeed) -> None:
    policy = SnapshotPolicy(every=1, seconds=NEVER, kept=3)
    view = VectorView.open(tmp_path / "embeddings", feed, lambda: FloatIndex(D), policy)
    for key in range(5000, 5006):
        feed.put(key)
        view.catch_up()
    assert len(snapshots_in(tmp_path)) == 3
    view.snapshot(alone=True)
    assert snapshots_in(tmp_path) == [f"snapshot-{feed.head():020d}"]


def test_the_newest_valid_snapshot_stays_when_a_newer_one_is_damaged(
    tmp_path: Path, feed: MemoryFeed
) -> None:
    valid = snapshot_of(tmp_path, feed)
    feed.put(5000)
    damaged = snapshot_of(tmp_path, feed)
    flip_a_bit(next(damaged.glob("*.vectors.npy")))
    with capture_logs():
        view = open_view(tmp_path, feed)
    feed.put(5001)
    view.catch_up()
    written = view.snapshot()
    assert snapshots_in(tmp_path) == [valid.name, written.name]


def test_a_view_opened_from_the_log_replaces_every_snapshot(
    tmp_path: Path, feed: MemoryFeed
) -> None:
    spoilt = open_view(tmp_path, feed)
    spoilt.catch_up()
    spoilt.index.remove(np.array([20]))
    old = spoilt.snapshot()
    before = (old / "manifest.json").read_bytes()
    view = open_view(tmp_path, feed, from_log=True)
    view.catch_up()
    assert (old / "manifest.json").read_bytes() == before  # until the new one is whole
    assert view.snapshot(alone=True) == old
    assert open_view(tmp_path, feed).verify() == []


# --- what was purged ------------------------------------------------------------------------------


def bytes_below(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("hidden_before", [False, True])
def test_no_snapshot_written_after_a_purge_holds_the_vectors(
    tmp_path: Path, feed: MemoryFeed, *, hidden_before: bool
) -> None:
    secret = [feed.state[key].tobytes() for key in (7, 100)]
    snapshot_of(tmp_path, feed)
    if hidden_before:
        feed.drop(7, 100)
        snapshot_of(tmp_path, feed)
    assert all(row in bytes_below(tmp_path) for row in secret)
    feed.purge(7, 100)
    view = open_view(tmp_path, feed)
    view.catch_up()
    view.snapshot(alone=True)
    assert not any(row in bytes_below(tmp_path) for row in secret)
    assert_equals_log(view, feed)
    assert view.verify() == []


def test_a_snapshot_that_still_holds_purged_vectors_is_a_problem_until_it_is_replaced(
    tmp_path: Path, feed: MemoryFeed
) -> None:
    old = snapshot_of(tmp_path, feed)
    feed.purge(7, 100)
    view = open_view(tmp_path, feed)
    assert view.check_snapshots() == [f"{old} still holds vectors of 2 purged images."]
    view.catch_up()
    view.snapshot()
    assert not old.exists()
    assert view.verify() == []


def test_a_running_view_forgets_what_is_purged_and_cannot_bring_it_back(
    tmp_path: Path, feed: MemoryFeed
) -> None:
    running = open_view(tmp_path, feed)
    running.catch_up()
    running.snapshot()
    secret = feed.state[100].tobytes()
    feed.purge(100)
    purging = open_view(tmp_path, feed)
    purging.catch_up()
    purging.snapshot(alone=True)
    running.snapshot()  # it has not read the log yet
    assert secret not in bytes_below(tmp_path)
    feed.put(6000)
    running.catch_up()
    running.snapshot()
    assert secret not in bytes_below(tmp_path)
    assert_equals_log(running, feed)


# --- comparing vectors ----------------------------------------------------------------------------


@pytest.mark.parametrize("sample", [None, 10**6])
def test_a_single_bit_of_a_vector_that_differs_from_the_log_is_found(
    tmp_path: Path, feed: MemoryFeed, sample: int | None
) -> None:
    view = open_view(tmp_path, feed)
    view.catch_up()
    other = feed.state[20].copy()
    other[0, 3] = np.nextafter(other[0, 3], np.float32(2))
    view.index.add(np.array([20]), other)
    [problem] = view.check_index(sample=sample)
    assert "other vectors than the log for 1 of" in problem
    assert "the first is 20" in problem


def test_a_sample_compares_that_many_images(tmp_path: Path, feed: MemoryFeed) -> None:
    view = open_view(tmp_path, feed)
    view.catch_up()
    for key in feed.state:
        view.index.add(np.repeat(key, len(feed.state[key])), feed.state[key][:, ::-1])
    [problem] = view.check_index(sample=17)
    assert "for 17 of 17 compared images" in problem


def test_an_index_that_the_log_overtakes_while_it_is_checked_is_sound(
    tmp_path: Path, feed: MemoryFeed
) -> None:
    view = open_view(tmp_path, feed)
    all_keys, look_up = feed.all_keys, feed.look_up

    def all_keys_then_change() -> VectorKeys:
        taken = all_keys()
        feed.drop(50)
        feed.put(7000, 8)
        return taken

    changes = iter([7001, 7002])

    def change_then_look_up(keys: Keys) -> VectorChanges:
        if (key := next(changes, None)) is not None:
            feed.put(key)
        return look_up(keys)

    feed.all_keys, feed.look_up = all_keys_then_change, change_then_look_up  # type: ignore[method-assign]
    assert view.check_index() == []
