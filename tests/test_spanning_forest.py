"""A forest that is kept from run to run is the one that would be found anew."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from indexer.clustering import partition
from indexer.clustering.cluster_parameters import ChosenParameters
from indexer.clustering.hdbscan import hdbscan, longest_link
from indexer.clustering.pattern_graph import PatternGraph
from indexer.clustering.spanning_forest import (
    SpanningForest,
    core_distances,
    grow_forest,
    spanning_forest,
)
from indexer.errors import SnapshotMismatch
from indexer.types import Keys
from indexer.vectors import knn_updates
from indexer.vectors.knn_graph import KnnGraph, build_knn_graph
from indexer.vectors.knn_updates import update_knn_graph
from indexer.vectors.snapshot_files import SnapshotFiles
from support.unit_vectors import exact_unit

K, SAMPLES = 4, 3
Edges = set[tuple[int, int]]
CHOSEN = ChosenParameters(3, SAMPLES, 0.6)
LONGEST = longest_link(0.6)
POOL = exact_unit(np.random.default_rng(0).standard_normal((80, 5)))
"""Few dimensions, so that neighbours are near and cores shrink when others come."""


@pytest.fixture(autouse=True)
def _few_neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partition, "_ALL_PAIRS", 0)
    monkeypatch.setattr(partition, "_NEIGHBOURS", K)
    monkeypatch.setattr("indexer.clustering.pattern_graph._MOST_CHANGED", 9.0)


def built(ids: Keys) -> PatternGraph:
    return PatternGraph.build(ids, POOL[ids], CHOSEN, threads=1)


def by_definition(before: SpanningForest, places: Keys, graph: KnnGraph) -> SpanningForest:
    """Find the forest of all edges of a graph and of the forest before, with dense matrices."""
    n, k = graph.rows.shape
    kept = (places[before.starts] >= 0) & (places[before.ends] >= 0)
    starts = np.concatenate([places[before.starts[kept]], np.repeat(np.arange(n), k)])
    ends = np.concatenate([places[before.ends[kept]], graph.rows.ravel()])
    similarities = np.concatenate([before.similarities[kept], graph.similarities.ravel()])
    core = core_distances(graph, SAMPLES)
    lengths = np.full((n, n), np.inf)
    for start, end, alike in zip(starts, ends, similarities.tolist(), strict=True):
        apart = max(2 - 2 * alike, 1e-4) ** 0.5
        length = min(lengths[start, end], max(core[start], core[end], apart))
        lengths[start, end] = lengths[end, start] = length
    return _kruskal(lengths)


def _kruskal(lengths: NDArray[np.float64]) -> SpanningForest:
    n = len(lengths)
    part, starts, ends = np.arange(n), [], []
    pairs = [(lengths[i, j], i, j) for i in range(n) for j in range(i) if lengths[i, j] <= LONGEST]
    for _, i, j in sorted(pairs):
        if part[i] != part[j]:
            part[part == part[i]] = part[j]
            starts.append(i)
            ends.append(j)
    edges = np.array(starts, int), np.array(ends, int)
    return SpanningForest(n, *edges, np.zeros(len(starts), np.float32), lengths[edges])


def assert_alike(one: SpanningForest, other: SpanningForest) -> None:
    """Check that two forests join the same vectors at every distance."""
    assert one.lengths == pytest.approx(other.lengths, abs=1e-6)
    assert _same_parts(one.parts(), other.parts())
    for length in np.unique(np.round(one.lengths, 4)) + 5e-5:
        assert _same_parts(*(_up_to(each, length).parts() for each in (one, other)))


def _up_to(forest: SpanningForest, length: float) -> SpanningForest:
    short = forest.lengths <= length
    return SpanningForest(
        forest.vectors,
        forest.starts[short],
        forest.ends[short],
        forest.similarities[short],
        forest.lengths[short],
    )


def _same_parts(one: Keys, other: Keys) -> bool:
    pairs = len(np.unique(np.stack([one, other]), axis=1).T)
    return pairs == len(np.unique(one)) == len(np.unique(other))


populations = st.sets(st.integers(0, len(POOL) - 1), min_size=K + 4)


@given(st.lists(populations, min_size=2, max_size=4))
def test_the_kept_forest_is_the_full_one_whatever_comes_and_goes(
    populations: list[set[int]],
) -> None:
    first, *later = (np.array(sorted(ids)) for ids in populations)
    graph = built(first)
    for ids in later:
        grown = graph.updated(ids, POOL[ids], CHOSEN, threads=1)

        places = np.searchsorted(ids, graph.ids)
        places[np.append(ids, -1)[places] != graph.ids] = -1
        assert_alike(grown.forest, by_definition(graph.forest, places, grown.neighbours))
        fresh = build_knn_graph(POOL[ids], K)
        assert grown.neighbours.similarities == pytest.approx(fresh.similarities, abs=1e-6)
        graph = grown


def nearest(alike: NDArray[np.float32], ids: Keys) -> KnnGraph:
    """Return the graph of some rows of a matrix of similarities; -2 is never found."""
    among = alike[np.ix_(ids, ids)].copy()
    np.fill_diagonal(among, -2)
    rows = np.argsort(-among, axis=1, kind="stable")[:, :K]
    return KnnGraph(rows, np.take_along_axis(among, rows, 1), 1.0)


@given(st.integers(0, 2**32 - 1), st.sampled_from([4, 8, 64]))
def test_of_any_graph_only_the_edges_of_what_changed_are_needed(seed: int, levels: int) -> None:
    random = np.random.default_rng(seed)
    n = int(random.integers(12, 40))
    alike = random.integers(0, levels + 1, (n, n)) / levels  # many tie
    alike = np.maximum(alike, alike.T).astype(np.float32)
    alike[random.random((n, n)) < 0.3] = -2  # as cells overlook some, one way or both
    old, new = (np.flatnonzero(random.random(n) < share) for share in (0.8, 0.9))
    if min(len(old), len(new)) <= K:
        return
    before, after = nearest(alike, old), nearest(alike, new)
    places = np.searchsorted(new, old)
    places[np.append(new, -1)[places] != old] = -1
    lists = {int(old[row]): old[before.rows[row]].tolist() for row in range(len(old))}
    changed = np.array(
        [lists.get(int(one)) != new[r].tolist() for one, r in zip(new, after.rows, strict=True)]
    )

    grown = grow_forest(
        spanning_forest(before, SAMPLES, LONGEST),
        places,
        after,
        changed,
        core_distances(before, SAMPLES),
        min_samples=SAMPLES,
        longest=LONGEST,
    )

    assert_alike(grown, by_definition(spanning_forest(before, SAMPLES, LONGEST), places, after))


def listed(*lists: dict[int, float]) -> KnnGraph:
    """Return a graph by the distances of the neighbours that each row's list has, nearest first."""
    rows = np.array([[*each] for each in lists])
    distances = np.array([[*each.values()] for each in lists])
    return KnnGraph(rows, (1 - distances**2 / 2).astype(np.float32), 0.9)


def grown_by(before: KnnGraph, places: list[int], after: KnnGraph, changed: list[int]) -> Edges:
    """Grow the forest of a graph whose cores are the nearest neighbours; return its edges."""
    grown = grow_forest(
        spanning_forest(before, 2, LONGEST),
        np.array(places),
        after,
        np.isin(np.arange(len(after)), changed),
        core_distances(before, 2),
        min_samples=2,
        longest=LONGEST,
    )
    ends = np.sort(np.stack([grown.starts, grown.ends]), axis=0).T
    return {(int(one), int(other)) for one, other in ends}


def test_an_edge_gets_shorter_where_only_its_other_end_got_denser() -> None:
    before = listed(
        {2: 0.5, 1: 0.9},
        {2: 0.3, 0: 0.9},
        {3: 1.0, 4: 1.05},  # which overlooks both that found it
        {2: 1.0, 4: 1.05},
        {2: 1.05, 3: 1.06},
    )
    after = listed(
        {2: 0.5, 1: 0.9},
        {2: 0.3, 0: 0.9},
        {5: 0.2, 3: 1.0},
        {2: 1.0, 4: 1.05},
        {2: 1.05, 3: 1.06},
        {2: 0.2, 0: 1.07},
    )

    assert (1, 2) not in grown_by(before, [0, 1, 2, 3, 4], before, [])
    assert (1, 2) in grown_by(before, [0, 1, 2, 3, 4], after, [2, 5])


def test_an_edge_is_needed_where_its_neighbours_neighbour_is_gone_from_another_tree() -> None:
    a, b, u, w, v = range(5)
    before = listed(
        {u: 0.5, b: 0.6},
        {u: 0.5, a: 0.6},
        {w: 0.4, v: 0.9},
        {v: 1.2, a: 1.3},  # so far from what it found that nothing joins it
        {u: 0.9, w: 1.2},
    )
    after = listed({2: 0.5, 1: 0.6}, {2: 0.5, 0: 0.6}, {3: 0.9, 0: 0.95}, {2: 0.9, 0: 1.05})

    assert (a, b) not in grown_by(before, [0, 1, 2, 3, 4], before, [])
    assert (a, b) in grown_by(before, [0, 1, 2, -1, 3], after, [2, 3])


def test_lists_change_where_a_new_vector_is_nearer_than_the_last_one() -> None:
    old, ids = np.arange(0, 60, 2), np.arange(60)
    before = build_knn_graph(POOL[old], K)

    updated = update_knn_graph(POOL[ids], before, old)

    fresh = build_knn_graph(POOL[ids], K)
    assert updated.graph.rows.tolist() == fresh.rows.tolist()
    is_other = (fresh.rows[old] != old[before.rows]).any(axis=1)
    assert updated.changed[old].tolist() == is_other.tolist()
    assert updated.changed[1::2].all()


def test_lists_of_many_are_updated_by_cells_which_find_most_and_say_how_much(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(knn_updates, "_EXACT_UP_TO", 1_000)
    random = np.random.default_rng(2)
    centres = np.repeat(random.standard_normal((100, 12)), 30, axis=0)
    vectors = exact_unit(centres + 0.3 * random.standard_normal((3_000, 12))).astype(np.float32)
    vectors = vectors[random.permutation(3_000)]
    before = build_knn_graph(vectors[:2_900], K)
    ids = np.arange(100, 3_000)
    places = np.where(np.arange(2_900) < 100, -1, np.arange(2_900) - 100)

    updated = update_knn_graph(vectors[ids], before, places)

    fresh = build_knn_graph(vectors[ids], K)
    is_found = updated.graph.similarities >= fresh.similarities[:, -1:] - 1e-6
    assert is_found.mean() >= 0.95
    assert updated.graph.recall == pytest.approx(is_found.mean(), abs=0.05)
    assert (updated.graph.rows != np.arange(2_900)[:, np.newaxis]).all()
    assert all(len({*row}) == K for row in updated.graph.rows.tolist())
    cosines = (vectors[ids][updated.graph.rows] * vectors[ids][:, np.newaxis]).sum(axis=2)
    np.testing.assert_allclose(updated.graph.similarities, cosines, atol=1e-5)
    lists = np.arange(2_800)
    is_other = (updated.graph.rows[:2_800] != before.rows[100:] - 100).any(axis=1)
    assert updated.changed[lists[is_other]].all()


def test_nothing_new_leaves_the_forest_as_it_is() -> None:
    graph = built(np.arange(40))

    same = graph.updated(graph.ids, POOL[graph.ids], CHOSEN, threads=1)

    assert same.forest.starts.tolist() == graph.forest.starts.tolist()
    assert same.neighbours.rows.tolist() == graph.neighbours.rows.tolist()


def test_another_bound_is_applied_to_the_kept_neighbours() -> None:
    graph, ids = built(np.arange(0, 60, 2)), np.arange(60)
    other = ChosenParameters(3, 2, 0.3)

    grown = graph.updated(ids, POOL[ids], other, threads=1)

    fresh = PatternGraph.build(ids, POOL[ids], other, threads=1)
    assert grown.min_samples == 2
    assert_alike(grown.forest, fresh.forest)


def test_clusters_of_a_kept_graph_are_those_of_a_new_one() -> None:
    random = np.random.default_rng(1)
    centres = np.repeat(random.standard_normal((6, 12)), 30, axis=0)
    vectors = exact_unit(centres + 0.3 * random.standard_normal((180, 12)))
    ids = np.arange(180)
    old = ids[ids % 5 > 0]
    graph = PatternGraph.build(old, vectors[old], CHOSEN, threads=1)

    grown = graph.updated(ids, vectors, CHOSEN, threads=1).divide(5)

    fresh = hdbscan(
        build_knn_graph(vectors, K), min_cluster_size=5, min_samples=SAMPLES, max_link=0.6
    )
    assert grown.labels.tolist() == fresh.labels.tolist()
    assert grown.labels.max() > 0


def test_a_graph_is_found_again_as_it_was_written(tmp_path: Path) -> None:
    graph = built(np.arange(3, 60))
    graph.save(SnapshotFiles(tmp_path, None))

    loaded = PatternGraph.load(tmp_path)

    for name in ("rows", "similarities"):
        was = getattr(graph.neighbours, name)
        assert getattr(loaded.neighbours, name).tolist() == was.tolist()
    assert loaded.ids.tolist() == graph.ids.tolist()
    assert (loaded.min_samples, loaded.longest) == (graph.min_samples, graph.longest)
    assert_alike(loaded.forest, graph.forest)


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"no graph at all"])
def test_a_file_that_holds_no_graph_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "graph.npy").write_bytes(content)
    with pytest.raises(SnapshotMismatch, match="does not hold the graph"):
        PatternGraph.load(tmp_path)


def test_an_empty_graph_has_an_empty_forest() -> None:
    lone = KnnGraph(np.zeros((3, 0), np.int64), np.zeros((3, 0), np.float32), 1.0)
    forest = spanning_forest(lone, 2, LONGEST)
    assert (forest.vectors, len(forest.starts), len(np.unique(forest.parts()))) == (3, 0, 3)
