"""Recall of approximate searches: what is counted, and what is refused."""

from functools import partial

import numpy as np
import pytest

from indexer.errors import RecallTooLow
from indexer.types import EXACT, Completeness, CompletenessKind, Vectors
from indexer.vectors import DistanceHits, Hits, KeySet, SimilarityHits
from indexer.vectors.binary_index import BinaryIndex
from indexer.vectors.faiss_index import FloatIndex
from indexer.vectors.recall import RecallSample, disturbed, measure_recall, require_recall


def unit(count: int, dimension: int = 32, seed: int = 0) -> Vectors:
    rows = np.random.default_rng(seed).standard_normal((count, dimension))
    vectors: Vectors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return vectors


def similarity_hits(*rows: list[tuple[int, float]]) -> SimilarityHits:
    keys = np.array([[key for key, _ in row] for row in rows], np.int64)
    values = np.array([[value for _, value in row] for row in rows], np.float32)
    return SimilarityHits(keys, values)


def count(got: Hits, true: Hits, bound: float | None = None) -> RecallSample:
    queries = np.zeros((len(true.keys), 4), np.float32)
    return measure_recall(lambda *_: got, lambda *_: true, queries, 3, bound=bound)


def test_exact_search_against_itself_misses_nothing() -> None:
    index = FloatIndex(32)
    index.add(np.arange(500), unit(500))

    sample = measure_recall(index.search, partial(index.search, exact=True), unit(40, seed=1), 10)

    assert (sample.queries, sample.nearest, sample.found) == (40, 400, 400)
    assert sample.completeness.recall == 1


@pytest.mark.parametrize("binary", [False, True], ids=["embeddings", "pdq"])
def test_half_an_index_finds_half_of_the_nearest(*, binary: bool) -> None:
    random = np.random.default_rng(0)
    stored = random.integers(0, 256, (400, 32), np.uint8) if binary else unit(400)
    index = BinaryIndex() if binary else FloatIndex(32)
    index.add(np.arange(400), stored)
    half = KeySet(range(0, 400, 2))
    queries = disturbed(stored[:100], random)

    sample = measure_recall(partial(index.search, within=half), index.search, queries, 10)

    assert 0.4 < sample.recall < 0.6


def test_a_key_missed_is_found_if_what_was_found_ties_with_it() -> None:
    true = similarity_hits([(1, 0.9), (2, 0.8), (3, 0.7)])

    assert count(similarity_hits([(1, 0.9), (2, 0.8), (9, 0.7)]), true).found == 3
    assert count(similarity_hits([(1, 0.9), (3, 0.7), (9, 0.6)]), true).found == 2
    assert count(similarity_hits([(2, 0.8), (3, 0.7), (9, 0.7)]), true).found == 2


def test_missing_hits_count_as_missed_only_where_there_are_true_ones() -> None:
    true = similarity_hits([(1, 0.9), (2, 0.8), (-1, -np.inf)], [(-1, -np.inf)] * 3)
    got = similarity_hits([(1, 0.9), (-1, -np.inf), (-1, -np.inf)], [(-1, -np.inf)] * 3)

    sample = count(got, true)

    assert (sample.queries, sample.nearest, sample.found) == (1, 2, 1)


def test_misses_at_the_bound_or_closer_are_counted_apart() -> None:
    true = similarity_hits([(1, 0.9), (2, 0.8), (3, 0.7)])
    got = similarity_hits([(3, 0.7), (4, 0.6), (5, 0.5)])
    bits = DistanceHits(np.array([[1, 2, 3]]), np.array([[5, 20, 40]], np.int32))
    few = DistanceHits(np.array([[3, 4, 5]]), np.array([[40, 41, 42]], np.int32))

    assert count(got, true, bound=0.8).missed_above == 2
    assert count(got, true, bound=0.85).missed_above == 1
    assert count(got, true, bound=0.65).above == 3
    assert count(few, bits, bound=20).missed_above == 2
    assert count(few, bits).missed_above == 0


def test_samples_add_up() -> None:
    both = RecallSample(10, 100, 99, 5, 1) + RecallSample(10, 100, 95, 1, 0)

    assert both == RecallSample(20, 200, 194, 6, 1)
    assert both.recall == 0.97


def test_the_interval_is_wilsons() -> None:
    completeness = Completeness.measured(0.992, 1000)

    assert completeness.interval == pytest.approx((0.9843, 0.9960), abs=1e-4)
    assert Completeness.measured(1.0, 20).interval == pytest.approx((0.8389, 1.0), abs=1e-4)
    assert Completeness.measured(0.0, 20).interval == pytest.approx((0.0, 0.1611), abs=1e-4)


def test_an_empty_gallery_is_not_measured() -> None:
    index = FloatIndex(32)

    sample = measure_recall(index.search, index.search, unit(5))

    assert sample == RecallSample()
    assert sample.completeness.kind is CompletenessKind.UNMEASURED


@pytest.mark.parametrize(
    ("completeness", "reaches"),
    [
        (EXACT, True),
        (Completeness(CompletenessKind.CERTIFIED), True),
        (Completeness(CompletenessKind.UNMEASURED), False),
        (Completeness.measured(0.992, 1000), False),  # its lower end is 0.984
        (Completeness.measured(0.999, 1000), True),
        (Completeness.measured(1.0, 20), False),  # too few queries to say so
    ],
)
def test_a_search_is_only_used_when_its_recall_surely_reaches_the_target(
    completeness: Completeness, *, reaches: bool
) -> None:
    assert completeness.reaches(0.99) is reaches
    if reaches:
        require_recall("embedding", completeness, 0.99)
    else:
        with pytest.raises(RecallTooLow, match=r"embedding.*at least 0\.99"):
            require_recall("embedding", completeness, 0.99)


def test_the_least_complete_of_two_searches_is_what_an_answer_says() -> None:
    good, bad = Completeness.measured(0.999, 1000), Completeness.measured(0.9, 1000)
    unknown = Completeness(CompletenessKind.UNMEASURED)

    assert Completeness.least(EXACT, good) == good
    assert Completeness.least(good, bad) == bad
    assert Completeness.least(unknown, bad) == unknown
