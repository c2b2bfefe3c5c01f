"""Views that are searched by codes answer as views in memory do, whatever happens to them."""

import random
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from structlog.testing import capture_logs

from indexer.errors import InvalidCodes
from indexer.settings import Settings
from indexer.types import CompletenessKind, Embeddings
from indexer.vector_views import tier_rule
from indexer.vectors import KeySet, SnapshotPolicy, VectorView, coded_rows
from indexer.vectors.coded_rows import CodedRows
from indexer.vectors.codes import code_kinds
from indexer.vectors.faiss_index import FloatIndex
from indexer.vectors.snapshot_inventory import read_inventory
from indexer.vectors.tiers import IN_MEMORY, TierRule
from support.extent import extent
from support.killed_writer import kill_a_writer
from support.memory_feed import D, MemoryFeed
from support.unit_vectors import exact_unit

NEVER = 10**9
RULE = TierRule("sq8", from_vectors=200, least_rows=100)
EXAMPLES = {
    "annoy": ("indexer.vectors.codes.annoy_codes", "ANNOY"),
    "hnswlib": ("indexer.vectors.codes.hnswlib_codes", "HNSWLIB"),
    "usearch": ("indexer.vectors.codes.usearch_codes", "USEARCH"),
}


@pytest.fixture
def feed() -> MemoryFeed:
    feed = MemoryFeed()
    feed.put(*range(600))
    return feed


def open_view(folder: Path, feed: MemoryFeed, rule: TierRule = RULE) -> VectorView:
    folder = folder / "embeddings"
    folder.mkdir(exist_ok=True)
    policy = SnapshotPolicy(NEVER, NEVER)
    return VectorView.open(folder, feed, lambda: FloatIndex(D, rule, folder), policy)


def caught_up(folder: Path, feed: MemoryFeed, rule: TierRule = RULE) -> VectorView:
    view = open_view(folder, feed, rule)
    view.catch_up()
    return view


def coded(view: VectorView) -> list[bool]:
    assert isinstance(view.index, FloatIndex)
    return [isinstance(segment.rows, CodedRows) for segment in view.index.segments]


def assert_finds_what_the_log_says(view: VectorView, feed: MemoryFeed) -> None:
    keys = np.array(sorted(feed.state))
    vectors = np.stack([feed.state[key][0] for key in keys])
    queries = vectors[:: max(1, len(vectors) // 9)].copy()
    similarities = queries @ vectors.T
    order = np.argsort(-similarities, axis=1, kind="stable")[:, :5]
    found = view.index.search(queries, 5)
    np.testing.assert_array_equal(found.keys, keys[order])
    assert view.index.keys().tolist() == keys.tolist()


def test_a_large_view_is_searched_by_codes_once_its_snapshot_is_written(
    tmp_path: Path, feed: MemoryFeed
) -> None:
    view = caught_up(tmp_path, feed)
    assert coded(view) == [True]
    assert view.index.completeness.kind is CompletenessKind.CERTIFIED
    assert_finds_what_the_log_says(view, feed)
    again = open_view(tmp_path, feed)
    assert coded(again) == [True]
    assert_finds_what_the_log_says(again, feed)
    assert again.verify() == []


def test_a_small_view_stays_in_memory(tmp_path: Path) -> None:
    feed = MemoryFeed()
    feed.put(*range(199))
    view = caught_up(tmp_path, feed)
    view.snapshot()
    assert coded(view) == [False]
    assert view.index.completeness.kind is CompletenessKind.EXACT


def test_small_segments_of_a_large_view_stay_in_memory(tmp_path: Path, feed: MemoryFeed) -> None:
    view = caught_up(tmp_path, feed)
    feed.put(*range(1000, 1050))
    view.catch_up()
    view.snapshot()
    assert coded(view) == [True, False]
    assert_finds_what_the_log_says(open_view(tmp_path, feed), feed)


def test_what_changes_after_the_codes_were_made_counts(tmp_path: Path, feed: MemoryFeed) -> None:
    view = caught_up(tmp_path, feed)
    feed.drop(3, 4)
    feed.put(5, 700)
    view.catch_up()
    assert coded(view) == [True, False]
    assert_finds_what_the_log_says(view, feed)
    view.snapshot()
    assert_finds_what_the_log_says(open_view(tmp_path, feed), feed)


def test_a_merged_segment_is_encoded_at_once(tmp_path: Path, feed: MemoryFeed) -> None:
    view = caught_up(tmp_path, feed)
    feed.put(*range(1000, 1400))
    view.catch_up()
    assert coded(view) == [True]
    assert len(view.index) == 1000
    assert_finds_what_the_log_says(view, feed)


def test_a_merged_segment_lies_in_a_file_without_a_name(tmp_path: Path, feed: MemoryFeed) -> None:
    folder = tmp_path / "view"  # made when it is needed
    index = FloatIndex(D, RULE, folder)
    index.add(np.arange(600), np.concatenate([feed.state[key] for key in range(600)]))
    open_files = [Path(f"/proc/self/map_files/{name}").readlink() for name in _maps(folder)]
    assert len(open_files) == 1
    assert open_files[0].name.endswith("(deleted)")
    assert list(folder.iterdir()) == []


def _maps(folder: Path) -> list[str]:
    lines = Path("/proc/self/maps").read_text().splitlines()
    fields = [line.split(maxsplit=5) for line in lines if str(folder) in line]
    return [f"{start:x}-{end:x}" for start, end in (_ends(field[0]) for field in fields)]


def _ends(place: str) -> tuple[int, int]:
    start, end = place.split("-")
    return int(start, 16), int(end, 16)


def test_a_folder_that_cannot_be_written_keeps_merged_segments_in_memory(feed: MemoryFeed) -> None:
    index = FloatIndex(D, RULE, Path("/proc"))
    with capture_logs() as logs:
        index.add(np.arange(600), np.concatenate([feed.state[key] for key in range(600)]))
    assert [entry["event"] for entry in logs] == ["segment kept in memory"]
    assert len(index) == 600


@pytest.mark.parametrize(
    ("before", "after"),
    [("sq8", "fp16"), ("sq8", None), (None, "sq8")],
)
def test_another_setting_changes_the_codes_at_the_next_opening(
    before: str | None, after: str | None, tmp_path: Path, feed: MemoryFeed
) -> None:
    caught_up(tmp_path, feed, replace(RULE, codes=before)).snapshot()
    view = caught_up(tmp_path, feed, replace(RULE, codes=after))
    view.snapshot()
    assert coded(view) == [after is not None]
    assert_finds_what_the_log_says(view, feed)
    again = open_view(tmp_path, feed, replace(RULE, codes=after))
    assert coded(again) == [after is not None]
    assert again.verify() == []


def test_a_view_takes_the_codes_that_another_process_wrote(
    tmp_path: Path, feed: MemoryFeed
) -> None:
    first = open_view(tmp_path, feed)
    second = open_view(tmp_path, feed)
    assert first.catch_up()
    snapshots = set((tmp_path / "embeddings").glob("snapshot-*"))
    assert second.catch_up()
    assert set((tmp_path / "embeddings").glob("snapshot-*")) == snapshots
    assert coded(second) == [True]
    assert_finds_what_the_log_says(second, feed)


def test_a_changed_byte_of_a_mapped_vector_is_found_by_verify(
    tmp_path: Path, feed: MemoryFeed
) -> None:
    folder = caught_up(tmp_path, feed).snapshot()
    damaged = next(folder.glob("*.vectors.npy"))
    content = bytearray(damaged.read_bytes())
    content[-3] ^= 1
    damaged.write_bytes(content)
    view = open_view(tmp_path, feed)
    assert coded(view) == [True]
    assert any(damaged.name in problem for problem in view.check_snapshots())
    assert any("holds other vectors than the log" in each for each in view.check_index())


def test_a_changed_byte_of_codes_means_a_rebuild(tmp_path: Path, feed: MemoryFeed) -> None:
    folder = caught_up(tmp_path, feed).snapshot()
    damaged = next(folder.glob("*.codes"))
    content = bytearray(damaged.read_bytes())
    content[-3] ^= 1
    damaged.write_bytes(content)
    with capture_logs() as logs:
        view = open_view(tmp_path, feed)
    assert damaged.name in logs[0]["reason"]
    assert view.watermark == 0


def test_what_was_purged_is_in_no_file(tmp_path: Path, feed: MemoryFeed) -> None:
    view = caught_up(tmp_path, feed)
    view.snapshot()
    secret = feed.state[77].tobytes()
    feed.purge(77)
    view.catch_up()
    view.snapshot(alone=True)
    assert coded(view) == [True]
    files = [path for path in (tmp_path / "embeddings").rglob("*") if path.is_file()]
    assert any(path.suffix == ".codes" for path in files)
    assert not any(secret in path.read_bytes() for path in files)
    assert_finds_what_the_log_says(view, feed)


def test_searches_go_on_while_the_tier_changes(tmp_path: Path, feed: MemoryFeed) -> None:
    view = open_view(tmp_path, feed, replace(RULE, from_vectors=900))
    view.catch_up()
    query, stop, problems = feed.state[500], threading.Event(), list[Any]()

    def search() -> None:
        while not stop.is_set():
            found = view.index.search(query, 3).keys[0].tolist()
            problems.extend([found] if found[0] != 500 else [])

    thread = threading.Thread(target=search)
    thread.start()
    try:
        for start in range(1000, 2000, 100):
            feed.put(*range(start, start + 100))
            view.catch_up()
    finally:
        stop.set()
        thread.join()
    assert problems == []
    assert any(coded(view))


def test_a_plug_in_that_fails_leaves_the_view_in_memory(
    tmp_path: Path, feed: MemoryFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Failing:
        def build(self, _vectors: Embeddings) -> None:
            raise ZeroDivisionError

    monkeypatch.setattr(code_kinds, "code_kind", lambda _: Failing())
    with capture_logs() as logs:
        view = caught_up(tmp_path, feed)
    assert "could not encode 600 vectors: ZeroDivisionError()" in logs[0]["reason"]
    assert coded(view) == [False]
    assert_finds_what_the_log_says(view, feed)


@pytest.mark.long
def test_kill_9_while_segments_are_encoded_leaves_a_view_that_opens(tmp_path: Path) -> None:
    moments = random.Random(9)
    feed = MemoryFeed()
    feed.put(*range(9000))
    watermark = 0
    for _ in range(10):
        keys = range(watermark, 9000, 100)
        kill_a_writer(tmp_path, "test_tiers", keys, seconds=moments.uniform(0.0, 0.2))
        with capture_logs() as logs:
            view = open_view(tmp_path, feed)
        assert logs == []
        assert view.watermark >= watermark
        watermark = view.watermark
        assert any(coded(view)) == (watermark >= RULE.from_vectors)
        assert view.index.keys().tolist() == list(range(watermark))
        assert view.verify() == []
        assert_finds_what_the_log_says(view, feed)
    assert watermark > RULE.from_vectors


numbers = st.lists(st.integers(0, 60), max_size=30)
steps = st.lists(
    st.tuples(st.sampled_from(["add", "add", "remove", "erase", "tier", "reopen"]), numbers),
    max_size=8,
)


@given(
    steps=steps,
    seed=st.integers(0, 2**32 - 1),
    kind=st.sampled_from(["sq8", "fp16", *EXAMPLES]),
    members=st.lists(st.integers(0, 60)),
    k=st.integers(1, 9),
)
@settings(max_examples=extent(10, 200), deadline=None)
def test_no_tier_code_or_filter_changes_an_answer_against_a_bank(
    tmp_path_factory: pytest.TempPathFactory,
    steps: list[tuple[str, list[int]]],
    seed: int,
    kind: str,
    members: list[int],
    k: int,
) -> None:
    """Compare exact searches of banks and of all with NumPy, at every tier."""
    folder = tmp_path_factory.mktemp("view")
    feed, rng = MemoryFeed(), np.random.default_rng(seed)
    known: list[NDArray[np.float32]] = []
    rule = TierRule(kind, from_vectors=20, least_rows=10)
    with pytest.MonkeyPatch.context() as patch:
        for name, place in EXAMPLES.items():
            patch.setitem(code_kinds._BUILT_IN, name, place)  # noqa: SLF001 - as if installed
        patch.setattr(coded_rows, "_FIRST", 2)  # so that nominees are few beside the rows
        patch.setattr(coded_rows, "_SCAN", 1)
        view = open_view(folder, feed, rule)
        for step, keys in [("add", list(range(40))), *steps, ("tier", [])]:
            if step == "add":
                feed.put(*keys)
                for key in keys:  # arithmetic on these is exact, and copies of one another tie
                    fresh = exact_unit(rng.standard_normal((1, D)))
                    feed.state[key] = known[0] if known and rng.random() < 0.3 else fresh
                    known.append(feed.state[key])
            elif step in {"remove", "erase"}:
                there = sorted(set(keys) & feed.state.keys())
                (feed.drop if step == "remove" else feed.purge)(*there)
            elif step == "reopen":
                view = open_view(folder, feed, rule)
            else:
                rule = TierRule(None if rule.codes else kind, 20, 10)
                view.snapshot()
                view = open_view(folder, feed, rule)
            view.catch_up()
            bank = KeySet(members)
            queries = np.concatenate([known[0], exact_unit(rng.standard_normal((2, D)))])
            for _ in range(2):  # few rows are copied when they are searched again
                assert_equals_numpy(view, feed, bank, queries, k)
                assert_equals_numpy(view, feed, None, queries, k)


def assert_equals_numpy(
    view: VectorView, feed: MemoryFeed, bank: KeySet | None, queries: Embeddings, k: int
) -> None:
    allowed = feed.state.keys() & set(feed.state if bank is None else bank.keys.tolist())
    keys = np.array(sorted(allowed), np.int64)
    vectors = np.concatenate([np.zeros((0, D), np.float32), *(feed.state[key] for key in keys)])
    similarities = queries @ vectors.T
    order = np.argsort(-similarities, axis=1, kind="stable")[:, :k]
    found = view.index.search(queries, k, bank, exact=True)
    np.testing.assert_array_equal(found.keys[:, : order.shape[1]], keys[order])
    assert (found.keys[:, order.shape[1] :] == -1).all()
    for threshold in (-1.0, 0.1, 1.0):
        ranged = view.index.range_search(queries, threshold, bank, exact=True)
        for row in range(len(queries)):
            part = ranged.keys[ranged.offsets[row] : ranged.offsets[row + 1]]
            assert sorted(part.tolist()) == keys[similarities[row] >= threshold].tolist()


def test_the_inventory_says_what_is_in_memory_and_what_is_mapped(
    tmp_path: Path, feed: MemoryFeed
) -> None:
    view = caught_up(tmp_path, feed)
    feed.put(*range(1000, 1050))
    view.catch_up()
    view.snapshot()
    ((newest, *_),) = [files.snapshots for files in read_inventory(tmp_path)]
    assert newest.codes == "sq8"
    assert 4 * D * 600 < newest.mapped_bytes < 4 * D * 600 + 200
    assert D * 600 + 4 * D * 50 < newest.memory_bytes < newest.mapped_bytes


def test_settings_choose_the_tiers() -> None:
    assert tier_rule(Settings()) == TierRule("sq8", 250_000)
    assert tier_rule(Settings(vector_codes="fp16", vector_codes_from=7)) == TierRule("fp16", 7)
    assert tier_rule(Settings(vector_codes="flat")) is IN_MEMORY
    with pytest.raises(InvalidCodes, match="flat, sq8, fp16"):
        tier_rule(Settings(vector_codes="sq9"))
