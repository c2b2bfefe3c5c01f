import gc
import math
import sys
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from subprocess import run
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from indexer.errors import DimensionMismatch, InputError
from indexer.vectors import Hits, KeySet, RangeHits
from indexer.vectors.binary_index import BinaryIndex
from indexer.vectors.faiss_index import FloatIndex
from indexer.vectors.segment_search import MATRIX_QUERIES
from indexer.vectors.segmented import SegmentedIndex
from indexer.vectors.segments import merge_plan
from support.unit_vectors import exact_unit

pytestmark = pytest.mark.numeric


@dataclass(frozen=True)
class Engine:
    """One kind of index, and brute force for the same question; nearness is lower-is-closer."""

    new: Callable[[], SegmentedIndex]
    sample: Callable[[np.random.Generator, int], NDArray[Any]]
    gaps: Callable[[NDArray[Any], NDArray[Any]], NDArray[Any]]
    reported: Callable[[Any], NDArray[Any]]
    thresholds: tuple[float, ...]
    nearest_within: Callable[[float], float]  # threshold -> gap


def few_directions(rng: np.random.Generator, count: int) -> NDArray[np.float32]:
    # Four entries of +-1/2: all products are multiples of 1/4, so arithmetic is exact, and many
    # vectors tie.
    vectors = np.zeros((count, 8), np.float32)
    for vector in vectors:
        vector[rng.permutation(5)[:4]] = rng.choice([-0.5, 0.5], 4)
    return vectors


def few_bits(rng: np.random.Generator, count: int) -> NDArray[np.uint8]:
    bits = np.zeros((count, 4), np.uint8)
    bits[:, 1:3] = rng.integers(0, 8, (count, 2))
    return bits


def negated_similarity(queries: NDArray[Any], vectors: NDArray[Any]) -> NDArray[Any]:
    return -(queries @ vectors.T)


def hamming(queries: NDArray[Any], vectors: NDArray[Any]) -> NDArray[Any]:
    return np.unpackbits(queries[:, None] ^ vectors[None], axis=2).sum(axis=2).astype(np.int64)


FLOAT = Engine(
    new=lambda: FloatIndex(8),
    sample=few_directions,
    gaps=negated_similarity,
    reported=lambda hits: -hits.similarities,
    thresholds=(-1.0, 0.0, 0.25, 0.5, 1.0),
    nearest_within=lambda threshold: -threshold,
)
BINARY = Engine(
    new=lambda: BinaryIndex(32),
    sample=few_bits,
    gaps=hamming,
    reported=lambda hits: hits.distances,
    thresholds=(0, 1, 3, 32),
    nearest_within=lambda threshold: threshold,
)


@pytest.fixture(params=[FLOAT, BINARY], ids=["float", "binary"])
def engine(request: pytest.FixtureRequest) -> Engine:
    return request.param


Model = dict[int, NDArray[Any]]


def ranking(
    engine: Engine, model: Model, query: NDArray[Any], within: KeySet | None
) -> list[tuple[float, int]]:
    allowed = set(model) if within is None else set(within.keys.tolist()) & set(model)
    return sorted((float(engine.gaps(query[None], model[key]).min()), key) for key in allowed)


def assert_nearest(engine: Engine, found: Hits, expected: list[list[tuple[float, int]]]) -> None:
    gaps = engine.reported(found)
    for row, wanted in enumerate(expected):
        known = len(wanted)
        assert found.keys[row, :known].tolist() == [key for _, key in wanted]
        assert gaps[row, :known].tolist() == [gap for gap, _ in wanted]
        assert (found.keys[row, known:] == -1).all()


def assert_range(engine: Engine, found: RangeHits, expected: list[list[tuple[float, int]]]) -> None:
    gaps = engine.reported(found)
    assert found.offsets[0] == 0
    assert found.offsets[-1] == len(found.keys)
    for row, wanted in enumerate(expected):
        part = slice(found.offsets[row], found.offsets[row + 1])
        assert list(zip(gaps[part].tolist(), found.keys[part].tolist(), strict=True)) == wanted


keys_of_a_step = st.lists(st.integers(0, 12), max_size=8)
steps = st.lists(
    st.tuples(st.sampled_from(["add", "add", "remove", "erase", "search"]), keys_of_a_step),
    max_size=12,
)


@given(
    steps=steps,
    seed=st.integers(0, 2**32 - 1),
    k=st.integers(1, 20),
    queries=st.sampled_from([1, 3, MATRIX_QUERIES + 1]),
    members=st.none() | st.lists(st.integers(0, 14)),
)
@settings(max_examples=60, deadline=None)
@pytest.mark.parametrize("engine", [FLOAT, BINARY], ids=["float", "binary"])
def test_any_sequence_of_changes_finds_what_brute_force_finds(
    engine: Engine,
    steps: list[tuple[str, list[int]]],
    seed: int,
    k: int,
    queries: int,
    members: list[int] | None,
) -> None:
    rng = np.random.default_rng(seed)
    index, model = engine.new(), dict[int, NDArray[Any]]()
    within = None if members is None else KeySet(members)
    for step, numbers in [*steps, ("search", [])]:
        keys = np.array(numbers, np.int64)
        if step == "add":
            vectors = engine.sample(rng, len(keys))
            index.add(keys, vectors)
            model.update({key: vectors[keys == key] for key in set(numbers)})
        elif step in {"remove", "erase"}:
            (index.remove if step == "remove" else index.erase)(keys)
            model = {key: model[key] for key in model.keys() - set(numbers)}
        else:
            asked = engine.sample(rng, queries)
            assert within is None or index.is_within(within) == (set(model) <= set(members))
            ranked = [ranking(engine, model, query, within) for query in asked]
            assert_nearest(engine, index.search(asked, k, within), [r[:k] for r in ranked])
            for threshold in engine.thresholds:
                gap = engine.nearest_within(threshold)
                near = [[hit for hit in hits if hit[0] <= gap] for hits in ranked]
                assert_range(engine, index.range_search(asked, threshold, within), near)
    expected = sorted(key for key, vectors in model.items() for _ in vectors)
    assert index.keys().tolist() == expected
    assert len(index) == len(expected)


def test_random_vectors_rank_as_numpy_ranks_them() -> None:
    rng = np.random.default_rng(7)
    vectors = exact_unit(rng.standard_normal((3000, 96)))
    index = FloatIndex(96)
    for part in np.array_split(rng.permutation(3000), 7):
        index.add(part, vectors[part])
    index.remove(np.arange(0, 3000, 5))
    similarities = vectors[:50] @ vectors.T
    similarities[:, ::5] = -2
    found = index.search(vectors[:50], 10)
    ranked = np.argsort(-similarities, axis=1, kind="stable")[:, :10]  # ties by key
    np.testing.assert_array_equal(found.keys, ranked)
    best = np.take_along_axis(similarities, ranked, axis=1)
    np.testing.assert_array_equal(found.similarities, best)


def test_one_query_finds_the_same_alone_and_in_a_batch(engine: Engine) -> None:
    rng = np.random.default_rng(1)
    index = engine.new()
    index.add(np.arange(200), engine.sample(rng, 200))
    index.remove(np.arange(50))
    queries = engine.sample(rng, MATRIX_QUERIES + 10)
    batch = index.search(queries, 5)
    for row in range(len(queries)):
        alone = index.search(queries[row : row + 1], 5)
        np.testing.assert_array_equal(alone.keys[0], batch.keys[row])


def test_an_empty_index_finds_nothing(engine: Engine) -> None:
    queries = engine.sample(np.random.default_rng(0), 2)
    index = engine.new()
    assert (index.search(queries, 3).keys == -1).all()
    assert not len(index.range_search(queries, engine.thresholds[-1]).keys)
    assert not len(index.keys())


def test_no_queries_get_no_answers(engine: Engine) -> None:
    index = engine.new()
    vectors = engine.sample(np.random.default_rng(0), 4)
    index.add(np.arange(4), vectors)
    assert index.search(vectors[:0], 3).keys.shape == (0, 3)
    assert index.range_search(vectors[:0], 1).offsets.tolist() == [0]


def test_adding_nothing_and_removing_strangers_changes_nothing(engine: Engine) -> None:
    index = engine.new()
    vectors = engine.sample(np.random.default_rng(0), 4)
    index.add(np.arange(4), vectors)
    before = index.segments
    index.add(np.zeros(0, np.int64), vectors[:0])
    index.remove(np.array([77]))
    assert index.segments == before


def test_ties_that_do_not_all_fit_are_cut_by_key_whatever_the_segments(engine: Engine) -> None:
    rng = np.random.default_rng(3)
    same = np.repeat(engine.sample(rng, 1), 40, axis=0)
    for order in (np.arange(40), np.arange(40)[::-1], rng.permutation(40)):
        index = engine.new()
        for part in np.array_split(order, 5):
            index.add(part, same[: len(part)])
        assert index.search(same[:1], 7).keys[0].tolist() == list(range(7))


def test_an_image_with_several_frames_takes_one_place(engine: Engine) -> None:
    vectors = engine.sample(np.random.default_rng(5), 30)
    vectors[:25] = vectors[0]
    index = engine.new()
    index.add(np.array([4] * 25 + [1, 2, 3, 5, 6]), vectors)
    found = index.search(vectors[:1], 4)
    assert len(set(found.keys[0].tolist())) == 4
    assert 4 in found.keys[0]
    index.remove(np.array([4]))
    assert index.keys().tolist() == [1, 2, 3, 5, 6]


def test_reconstruct_gives_back_what_was_added(engine: Engine) -> None:
    vectors = engine.sample(np.random.default_rng(5), 6)
    index = engine.new()
    index.add(np.array([9, 3, 3]), vectors[:3])
    index.add(np.array([1, 9]), vectors[3:5])
    keys, found = index.reconstruct(np.array([9, 3, 77]))
    assert keys.tolist() == [3, 3, 9]
    np.testing.assert_array_equal(found, vectors[[1, 2, 4]])
    assert found.dtype == vectors.dtype
    assert len(engine.new().reconstruct(np.array([1]))[0]) == 0


def test_a_filter_is_derived_once_and_forgotten_with_its_key_set(engine: Engine) -> None:
    vectors = engine.sample(np.random.default_rng(5), 6)
    index = engine.new()
    index.add(np.arange(6), vectors)
    bank = KeySet([1, 2])
    first = index.segments[0].selection(bank)
    index.search(vectors, 3, within=bank)
    assert index.segments[0].selection(bank) is first
    alive = weakref.ref(bank)
    del bank
    gc.collect()
    assert alive() is None


def test_a_frozen_index_does_not_change(engine: Engine) -> None:
    vectors = engine.sample(np.random.default_rng(5), 6)
    index = engine.new()
    index.add(np.arange(6), vectors)
    frozen = index.freeze()
    index.remove(np.arange(3))
    index.add(np.array([9]), vectors[:1])
    assert frozen.keys().tolist() == [0, 1, 2, 3, 4, 5]


def test_a_key_set_is_sorted_unique_and_read_only() -> None:
    bank = KeySet([3, 1, 3])
    assert bank.keys.tolist() == [1, 3]
    assert len(bank) == 2
    with pytest.raises(ValueError, match="read-only"):
        bank.keys[0] = 5


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 3e38, 0.0, 0.9])
def test_vectors_and_queries_that_are_not_finite_unit_vectors_are_refused(value: float) -> None:
    vectors = np.eye(8, dtype=np.float32)[:2]
    vectors[1, 1] = value
    index = FloatIndex(8)
    with pytest.raises(InputError, match="row 1"):
        index.add(np.arange(2), vectors)
    with pytest.raises(InputError, match="row 1"):
        index.search(vectors, 1)
    with pytest.raises(InputError, match="row 1"):
        index.range_search(vectors, 0.5)
    assert len(index) == 0


def test_vectors_of_another_length_are_refused(engine: Engine) -> None:
    vectors = engine.sample(np.random.default_rng(5), 2)[:, :-1].copy()
    with pytest.raises(DimensionMismatch):
        engine.new().add(np.arange(2), vectors)
    with pytest.raises(DimensionMismatch):
        engine.new().search(vectors, 1)


def test_vectors_of_another_kind_are_refused() -> None:
    with pytest.raises(InputError, match="uint8"):
        FloatIndex(8).search(np.zeros((1, 8), np.uint8), 1)
    with pytest.raises(InputError, match="float32"):
        BinaryIndex(8).search(np.zeros((1, 1), np.float32), 1)
    with pytest.raises(InputError, match="shape"):
        FloatIndex(8).search(np.eye(8, dtype=np.float32)[0], 1)
    with pytest.raises(InputError, match="multiple of 8"):
        BinaryIndex(12)


def test_keys_and_numbers_that_make_no_sense_are_refused(engine: Engine) -> None:
    vectors = engine.sample(np.random.default_rng(5), 2)
    index = engine.new()
    with pytest.raises(InputError, match="negative"):
        index.add(np.array([0, -1]), vectors)
    with pytest.raises(InputError, match="3 keys"):
        index.add(np.arange(3), vectors)
    with pytest.raises(InputError, match="whole numbers"):
        index.add(np.array([0.5, 1]), vectors)
    with pytest.raises(InputError, match="k must be at least 1"):
        index.search(vectors, 0)
    with pytest.raises(InputError, match="threshold"):
        index.range_search(vectors, math.nan)


@given(live=st.lists(st.integers(1, 10_000), max_size=60))
def test_a_merge_plan_leaves_each_segment_twice_the_next(live: list[int]) -> None:
    runs = merge_plan(live)
    assert [position for run in runs for position in range(run.start, run.stop)] == list(
        range(len(live))
    )
    sizes = [sum(live[run]) for run in runs]
    assert all(older >= 2 * newer for older, newer in pairwise(sizes))
    assert len(sizes) <= math.log2(max(1, sum(sizes))) + 1


@given(batches=st.lists(st.integers(1, 200), min_size=1, max_size=300))
@settings(max_examples=50, deadline=None)
def test_merging_copies_each_vector_o_log_n_times(batches: list[int]) -> None:
    sizes: list[int] = []
    copied = 0
    for batch in batches:
        sizes.append(batch)
        copied += batch
        runs = merge_plan(sizes)
        merged = [sum(sizes[run]) for run in runs]
        copied += sum(
            size for size, run in zip(merged, runs, strict=True) if run.stop - run.start > 1
        )
        sizes = merged
    total = sum(batches)
    # Once on arrival, once when merged into the older, then once for each growth by half.
    assert copied <= total * (2 + math.log(total, 1.5))


def test_segments_stay_few_and_hold_few_dead_rows() -> None:
    rng = np.random.default_rng(11)
    index = BinaryIndex(32)
    for number in range(1500):
        index.add(np.array([number]), few_bits(rng, 1))
        if number % 3 == 0:
            index.remove(rng.integers(0, number + 1, 2))
        assert len(index.segments) <= math.log2(max(1, len(index))) + 1
    for segment in index.segments:
        assert 2 * segment.live >= len(segment.keys)
    index.remove(index.keys())
    assert index.segments == ()


def test_new_keys_leave_older_segments_untouched(engine: Engine) -> None:
    rng = np.random.default_rng(2)
    index = engine.new()
    index.add(np.arange(1000), engine.sample(rng, 1000))
    before = index.segments[0]
    index.add(np.arange(1000, 1010), engine.sample(rng, 10))
    assert index.segments[0] is before
    index.add(np.array([5]), engine.sample(rng, 1))
    assert index.segments[0] is not before
    assert index.segments[0].rows is before.rows


def test_what_is_erased_is_in_no_segment_dead_or_alive(engine: Engine) -> None:
    rng = np.random.default_rng(2)
    index = engine.new()
    index.add(np.arange(1000), engine.sample(rng, 1000))
    index.add(np.arange(1000, 1300), engine.sample(rng, 300))
    index.remove(np.array([5, 6]))
    older, newer = index.segments
    index.erase(np.array([5, 9, 4711]))
    assert index.segments[1] is newer  # it holds none of them
    assert np.isin([5, 6, 9], older.keys).all()
    assert not np.isin([5, 6, 9], index.segments[0].keys).any()
    assert len(index) == 1297


def test_searching_while_writing_is_never_wrong(engine: Engine) -> None:
    rng = np.random.default_rng(4)
    vectors = engine.sample(rng, 400)
    index = engine.new()
    constant = set(range(100))
    index.add(np.arange(100), vectors[:100])
    bank = KeySet(constant)
    removed: set[int] = set()
    stop = threading.Event()
    problems: list[str] = []

    def search(seed: int) -> None:
        local = np.random.default_rng(seed)
        while not stop.is_set():
            gone = removed.copy()  # before the search: remove() has returned for these
            queries = vectors[local.integers(0, 400, local.choice([1, MATRIX_QUERIES]))]
            found = index.search(queries, 1000, bank if local.random() < 0.3 else None)
            for keys in found.keys.tolist():
                problems.extend(f"{key} was removed, but found" for key in gone.intersection(keys))
                problems.extend(f"{key} was there, but missed" for key in constant.difference(keys))

    with ThreadPoolExecutor(3) as pool:
        searching = [pool.submit(search, seed) for seed in range(3)]
        try:
            for step in range(150):
                # Fresh keys are never used again, so what was removed stays removed.
                fresh = 1000 + 10 * step + np.arange(10)
                index.add(fresh, vectors[100 + step : 110 + step])
                again = rng.integers(0, 100, 5)
                index.add(again, vectors[again])
                index.remove(fresh[:7])
                removed.update(fresh[:7].tolist())
        finally:
            stop.set()
        for searcher in searching:
            searcher.result()
    assert problems == []


def test_importing_the_package_loads_no_engine() -> None:
    script = "import sys, indexer.vectors; sys.exit('faiss' in sys.modules)"
    assert run([sys.executable, "-c", script], check=False).returncode == 0
