from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from structlog.testing import capture_logs

from indexer.errors import SnapshotMismatch
from indexer.evaluation import add_made_up_with
from indexer.settings import Settings
from indexer.store import Store
from indexer.types import CompletenessKind, Keys
from indexer.vector_views import open_views, write_snapshots
from indexer.vectors import KeySet, SnapshotPolicy, VectorView
from indexer.vectors.base import SegmentRecord
from indexer.vectors.inverted_lists import search_plan
from indexer.vectors.inverted_lists.listed_index import ListedIndex, ListRule
from indexer.vectors.inverted_lists.probe_choice import choose_probes
from indexer.vectors.inverted_lists.search_plan import ListSettings, planned_probes
from indexer.vectors.inverted_lists.view_lists import ListMaker
from indexer.vectors.results import SimilarityHits
from indexer.vectors.snapshot_files import SnapshotFiles
from indexer.vectors.stated_recall import read_recall, were_lists_refused
from indexer.vectors.tiers import IN_MEMORY
from support.catalog import bind
from support.extent import extent
from support.memory_feed import MemoryFeed

pytestmark = pytest.mark.numeric

DIMENSION = 16
Vectors = NDArray[np.float32]


def unit(count: int, seed: int, families: int = 5) -> Vectors:
    random = np.random.default_rng(seed)
    origins = np.random.default_rng(1).standard_normal((families, DIMENSION))
    vectors = origins[random.integers(families, size=count)]
    vectors = vectors + 0.4 * random.standard_normal(vectors.shape)
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def tiny(*, binary: bool = False, target: float = 0.0) -> ListedIndex:
    maker = ListMaker(target=target, least_listed=8)
    return ListedIndex(DIMENSION, IN_MEMORY, None, ListRule(20, 20 if binary else 10**9, maker))


def restarted(index: ListedIndex, folder: Path, *, target: float = 0.0) -> ListedIndex:
    folder.mkdir()
    records: list[SegmentRecord] = index.save(SnapshotFiles(folder, None))
    loaded = tiny(target=target)
    loaded.load(folder, records)
    return loaded


def assert_true(keys: Keys, found: Vectors, cosines: dict[int, Vectors]) -> None:
    """Every similarity is that of one of its key's vectors, and no key comes twice."""
    assert len(set(keys.tolist())) == len(keys)
    for key, similarity in zip(keys.tolist(), found.tolist(), strict=True):
        assert np.abs(cosines[key] - similarity).min() < 1e-5


keys_of_a_step = st.lists(st.integers(0, 60), max_size=40)
steps = st.lists(
    st.tuples(st.sampled_from(["add", "add", "remove", "erase", "improve"]), keys_of_a_step),
    max_size=8,
)


@given(
    steps=steps,
    seed=st.integers(0, 1000),
    k=st.integers(1, 12),
    binary=st.booleans(),
    members=st.none() | st.lists(st.integers(0, 60)),
    few=st.sampled_from([0, 200_000]),
    threshold=st.sampled_from([-0.2, 0.3, 0.7, 0.9]),
)
@settings(max_examples=extent(10, 150), deadline=None)
def test_lists_miss_but_never_invent_and_exact_searches_miss_nothing(  # noqa: PLR0913 - its cases
    steps: list[tuple[str, list[int]]],
    *,
    seed: int,
    k: int,
    binary: bool,
    members: list[int] | None,
    few: int,
    threshold: float,
) -> None:
    index, model = tiny(binary=binary), dict[int, Vectors]()
    within = None if members is None else KeySet(members)
    everything = [("add", list(range(30))), *steps, ("improve", list[int]())]
    for number, (step, numbers) in enumerate(everything):
        keys = np.array(numbers, np.int64)
        if step == "add":
            vectors = unit(len(keys), seed + number)
            index.add(keys, vectors)
            model.update({key: vectors[keys == key] for key in set(numbers)})
        elif step == "improve":
            index.improve()
        else:
            (index.remove if step == "remove" else index.erase)(keys)
            model = {key: value for key, value in model.items() if key not in set(numbers)}
    allowed = [key for key in model if members is None or key in members]
    queries = unit(3, seed + 100)
    every = [{key: model[key] @ query for key in allowed} for query in queries]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search_plan, "FEW_ROWS", few)
        loose, exact = (index.search(queries, k, within, exact=each) for each in (False, True))
        near, all_near = (
            index.range_search(queries, threshold, within, exact=each) for each in (False, True)
        )

    assert len(index) == sum(len(vectors) for vectors in model.values())
    for row, cosines in enumerate(every):
        true = {key: float(values.max()) for key, values in cosines.items()}
        wanted = sorted(true.values(), reverse=True)[:k]
        got = exact.similarities[row][exact.keys[row] >= 0]
        assert np.allclose(got, wanted, atol=1e-5)
        for hits in (loose, exact):
            present = hits.keys[row] >= 0
            assert_true(hits.keys[row, present], hits.similarities[row, present], cosines)
            assert (np.diff(hits.similarities[row, present]) <= 0).all()
        above = {key for key, value in true.items() if value >= threshold + 1e-5}
        for ranged in (near, all_near):
            part = slice(ranged.offsets[row], ranged.offsets[row + 1])
            assert_true(ranged.keys[part], ranged.similarities[part], cosines)
            assert (ranged.similarities[part] >= threshold - 1e-5).all()
            if row not in ranged.incomplete:
                assert above <= set(ranged.keys[part].tolist())
    assert all_near.complete


@pytest.mark.parametrize("binary", [False, True], ids=["sq8", "rabitq"])
def test_a_restart_finds_the_same_and_says_the_same_recall(tmp_path: Path, binary: bool) -> None:
    index = tiny(binary=binary)
    index.add(np.arange(100), unit(100, 1))
    assert index.completeness.is_proven
    assert index.improve()
    assert not index.improve()
    index.remove(np.arange(0, 100, 7))
    queries = unit(5, 2)

    loaded = restarted(index, tmp_path / "snapshot")

    assert loaded.lists is not None
    assert loaded.completeness == index.completeness
    assert index.completeness.kind == CompletenessKind.MEASURED
    before, after = index.search(queries, 9), loaded.search(queries, 9)
    assert (before.keys == after.keys).all()
    assert (before.similarities == after.similarities).all()


def test_vectors_added_later_are_found_at_once_and_put_into_lists_later() -> None:
    index = tiny()
    index.add(np.arange(100), unit(100, 1))
    index.improve()
    assert index.lists is not None
    added = unit(30, 2)

    index.add(np.arange(200, 230), added)

    assert index.search(added, 1).keys[:, 0].tolist() == list(range(200, 230))
    assert index.improve()
    index.add(np.arange(300, 700), unit(400, 3))
    trained_on = index.lists.codebook.trained_on
    assert index.improve()
    assert index.lists.codebook.trained_on > trained_on  # four times as many: trained anew


@pytest.mark.parametrize("erased", [False, True], ids=["removed", "erased"])
def test_lists_are_of_one_segment_and_know_what_changed_while_they_were_made(erased: bool) -> None:
    index, vectors = tiny(), unit(165, 1)
    for part in (slice(0, 100), slice(100, 145), slice(145, 165)):
        index.add(np.arange(165)[part], vectors[part])
    assert len(index.segments) == 3
    changes: list[Callable[[], None]] = [
        lambda: index.add(np.array([150, 200]), unit(2, 2)),
        lambda: (index.erase if erased else index.remove)(np.array([7, 160])),
    ]

    assert index.improve(lambda: changes.pop()() if changes else None)

    stored = dict(enumerate(vectors)) | dict(zip((150, 200), unit(2, 2), strict=True))
    del stored[7], stored[160]
    keys, held = index.reconstruct(np.arange(300))
    assert keys.tolist() == sorted(stored)
    assert (held == [stored[key] for key in keys.tolist()]).all()
    assert len(index.segments) == (4 if erased else 2)
    assert any(vectors[7].tobytes() in each.rows.vectors.tobytes() for each in index.segments) != (
        erased
    )
    index.improve()
    assert index.search(vectors[:1], 1).keys.tolist() == [[0]]


def test_lists_below_the_target_are_not_used(tmp_path: Path) -> None:
    index = tiny(target=1.0)  # no sample can prove that
    index.add(np.arange(100), unit(100, 1))

    with capture_logs() as logs:
        assert not index.improve()
        assert not index.improve()  # not tried again before the view has doubled
        assert not restarted(index, tmp_path / "same", target=1.0).improve()

    assert restarted(index, tmp_path / "lower", target=0.9).improve()
    assert [each["event"] for each in logs] == ["lists not used, view searched exactly"]
    assert index.lists is None
    assert index.completeness.is_proven


def test_small_sets_are_compared_row_by_row_and_larger_ones_in_more_lists() -> None:
    measured = ListSettings(probes=100, shortlist=64, neighbours=10)

    assert planned_probes(measured, None, 10_000_000) == 100
    assert planned_probes(measured, 10_000_000, 10_000_000) == 100
    assert planned_probes(measured, 200_000, 300_000) is None
    assert planned_probes(measured, 400_000, 10_000_000) is None
    assert planned_probes(measured, 5_000_000, 10_000_000) == 200
    assert planned_probes(measured, 600_000, 10_000_000) == 800
    assert measured.shortlist_for(5) == 64
    assert measured.shortlist_for(25) == 160


def test_the_fewest_lists_and_the_shortest_shortlist_that_find_enough_are_chosen() -> None:
    queries = unit(1000, 1)
    truth = SimilarityHits(
        keys=np.tile(np.arange(10), (1000, 1)),
        similarities=np.tile(np.linspace(1, 0.1, 10, dtype=np.float32), (1000, 1)),
    )
    asked = []

    def search(_queries: Vectors, k: int, tried: ListSettings) -> SimilarityHits:
        asked.append(tried)
        enough = tried.probes >= 40 and tried.shortlist >= 100
        found = k if enough else 5
        keys = truth.keys.copy()
        similarities = truth.similarities.copy()
        keys[:, found:], similarities[:, found:] = -1, -np.inf
        return SimilarityHits(keys=keys, similarities=similarities)

    chosen = choose_probes(search, queries, truth, lists=1000, target=0.99, longest=8192)

    assert 40 <= chosen.settings.probes <= 48
    assert chosen.settings.shortlist == 128
    assert chosen.completeness.recall == 1
    assert len(asked) < 15


def open_view(folder: Path, feed: MemoryFeed) -> VectorView:
    return VectorView.open(folder / "view", feed, tiny, SnapshotPolicy(1000, 1000.0))


def test_one_process_makes_the_lists_and_the_others_take_them(tmp_path: Path) -> None:
    feed = MemoryFeed()
    feed.put(*range(100))
    first, second = (open_view(tmp_path, feed) for _ in range(2))
    first.catch_up()
    second.catch_up()

    assert first.improve()
    feed.drop(7)
    second.catch_up()
    assert second.improve()
    assert not second.improve()

    assert isinstance(first.index, ListedIndex)
    assert isinstance(second.index, ListedIndex)
    assert first.index.lists is not None
    assert second.index.lists is not None
    trained = first.index.lists.codebook.id
    assert second.index.lists.codebook.id == trained
    assert len(second.index) == 99
    assert second.verify() == []
    third = open_view(tmp_path, feed)
    third.catch_up()
    assert third.index.completeness == first.index.completeness
    assert third.verify() == []
    feed.put(*range(1000, 1400))
    assert first.catch_up()
    assert second.catch_up()
    assert first.improve()
    assert second.improve()
    assert first.index.lists.codebook.id == second.index.lists.codebook.id != trained


def test_a_purge_leaves_no_vector_in_lists(tmp_path: Path) -> None:
    feed = MemoryFeed()
    feed.put(*range(100))
    view = open_view(tmp_path, feed)
    view.catch_up()
    view.improve()
    purged = feed.state[7][0].tobytes()

    feed.purge(7)
    view.catch_up()
    view.improve()
    view.snapshot(alone=True)

    files = [path for path in (tmp_path / "view").rglob("*") if path.is_file()]
    assert not any(purged in path.read_bytes() for path in files)
    assert view.verify() == []
    assert view.index.completeness.kind is CompletenessKind.MEASURED


def test_what_progress_raises_ends_the_making_of_lists(tmp_path: Path) -> None:
    feed = MemoryFeed()
    feed.put(*range(100))
    view = open_view(tmp_path, feed)
    view.catch_up()

    def stop() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        view.improve(stop)
    assert view.index.completeness.is_proven
    assert view.improve()


def test_a_changed_vector_on_disk_fails_the_search_that_meets_it(tmp_path: Path) -> None:
    feed = MemoryFeed()
    feed.put(*range(100))
    view = open_view(tmp_path, feed)
    view.catch_up()
    view.improve()
    (file,) = (tmp_path / "view").glob("snapshot-*/*.vectors.npy")
    content = bytearray(file.read_bytes())
    content[-4 * DIMENSION :] = (-feed.state[99][0]).tobytes()
    file.write_bytes(content)

    damaged = open_view(tmp_path, feed)

    with pytest.raises(SnapshotMismatch):
        damaged.index.search(feed.state[99], 1)


def test_the_recall_of_lists_can_be_read_without_loading_them(tmp_path: Path) -> None:
    index = tiny()
    index.add(np.arange(60), unit(60, 0))
    assert index.improve()
    tmp_path.joinpath("snapshot").mkdir()
    index.save(SnapshotFiles(tmp_path / "snapshot", None))

    assert read_recall(tmp_path / "snapshot") == index.completeness
    assert read_recall(tmp_path) is None
    assert not were_lists_refused(tmp_path / "snapshot")


def test_a_gallery_of_the_size_of_the_setting_has_lists_unless_its_codes_are_named(
    store: Store, tmp_path: Path
) -> None:
    space = bind(store)
    random = np.random.default_rng(1)
    vectors = random.standard_normal((200, space.dimension)).astype(np.float32)
    add_made_up_with(store, space, vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
    large = Settings(home=tmp_path, vector_lists_from=100, recall_target=0.5)
    named = Settings(home=tmp_path, vector_lists_from=100, vector_codes="sq8")

    write_snapshots(store, space, large)

    for chosen, expected in ((large, CompletenessKind.MEASURED), (named, CompletenessKind.EXACT)):
        view = open_views(store, space, chosen).embeddings
        view.catch_up()
        assert view.index.completeness.kind is expected
        assert view.check_index() == []
