"""Algorithms: density, centroids, groups without chains, shapes, assignment."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.sparse.csgraph import minimum_spanning_tree
from sklearn.cluster import HDBSCAN
from sklearn.metrics import adjusted_rand_score

from indexer.cluster_assignment import assign
from indexer.clustering.exemplars import shape_of
from indexer.clustering.hdbscan import Hierarchy, hdbscan
from indexer.clustering.kmeans import choose_k, kmeans
from indexer.store import ClusterReach
from indexer.types import Embeddings
from indexer.vectors import knn_graph as neighbouring
from indexer.vectors import neighbour_cells
from indexer.vectors.knn_graph import KnnGraph, build_knn_graph
from support.hdbscan import hdbscan_by_definition
from support.unit_vectors import exact_unit

pytestmark = pytest.mark.numeric

DIMENSION = 32


def unit(vectors: NDArray[np.floating]) -> Embeddings:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def families(
    sizes: tuple[int, ...], strangers: int, spread: float = 0.1, seed: int = 0
) -> tuple[Embeddings, NDArray[np.int64]]:
    """Return vectors around a direction a family, and strangers (-1), mixed; cosines are exact."""
    random = np.random.default_rng(seed)
    labels = np.concatenate([np.repeat(np.arange(len(sizes)), sizes), np.full(strangers, -1)])
    centres = unit(random.standard_normal((len(sizes), DIMENSION)))
    noise = random.standard_normal((len(labels), DIMENSION)) / DIMENSION**0.5
    vectors = np.where(labels[:, np.newaxis] >= 0, centres[labels] + spread * noise, noise)
    order = random.permutation(len(labels))
    return exact_unit(vectors)[order], labels[order].astype(np.int64)


def copies_of_one(count: int) -> Embeddings:
    return np.repeat(exact_unit(np.ones((1, DIMENSION))), count, axis=0)


def clustered(vectors: Embeddings, **parameters: float) -> Hierarchy:
    chosen = {"min_cluster_size": 5, "min_samples": 5} | parameters
    return hdbscan(build_knn_graph(vectors, 16), **chosen)  # type: ignore[arg-type]


def cosine_distances(vectors: Embeddings) -> NDArray[np.float32]:
    return 1 - vectors @ vectors.T


# --- neighbours ----------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [2, 5, 700])
def test_exact_neighbours_are_those_of_brute_force(n: int) -> None:
    vectors = exact_unit(np.random.default_rng(n).standard_normal((n, DIMENSION)))

    found = build_knn_graph(vectors, 10)

    similarities = vectors @ vectors.T
    np.fill_diagonal(similarities, -2)
    k = min(10, n - 1)
    assert found.rows.shape == (n, k)
    assert found.recall == 1
    np.testing.assert_array_equal(found.similarities, -np.sort(-similarities, axis=1)[:, :k])
    np.testing.assert_array_equal(found.rows, np.argsort(-similarities, kind="stable")[:, :k])


@pytest.mark.parametrize("n", [0, 1])
def test_a_vector_alone_has_no_neighbours(n: int) -> None:
    assert build_knn_graph(np.eye(DIMENSION, dtype=np.float32)[:n], 5).rows.shape == (n, 0)


def test_copies_are_neighbours_of_each_other_and_not_of_themselves() -> None:
    vectors = copies_of_one(40)

    found = build_knn_graph(vectors, 10)

    assert not (found.rows == np.arange(40)[:, np.newaxis]).any()
    assert all(sorted(set(row)) == row for row in found.rows.tolist())
    assert found.rows.shape == (40, 10)


def test_many_vectors_are_compared_by_cells_which_say_how_good_they_were(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(neighbouring, "EXACT_UP_TO", 1_000)
    vectors, _ = families((200, 150, 50, 20), 1_600)
    exact = vectors @ vectors.T
    np.fill_diagonal(exact, -2)

    found = build_knn_graph(vectors, 10)

    truth = np.argsort(-exact, axis=1)[:, :10]
    shared = [len({*ours} & {*theirs}) for ours, theirs in zip(found.rows, truth, strict=True)]
    assert found.recall >= neighbour_cells._ENOUGH  # more cells are searched until it is  # noqa: SLF001
    # 200 of 2,020 vectors are measured: three standard errors of a share of nine in ten are 0.06
    assert np.mean(shared) / 10 == pytest.approx(found.recall, abs=0.06)
    assert (np.diff(found.similarities, axis=1) <= 0).all()


def test_vectors_without_cells_to_speak_of_are_compared_with_a_bounded_number_of_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(neighbouring, "EXACT_UP_TO", 1_000)
    monkeypatch.setattr(neighbour_cells, "_MOST_COMPARED", 200)
    vectors = unit(np.random.default_rng(0).standard_normal((4_000, 64)))

    found = build_knn_graph(vectors, 10)

    assert found.rows.min() >= 0
    assert found.recall < 0.5  # and it says so


def test_however_many_threads_find_the_same_neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbouring, "_STEP", 100)
    random = np.random.default_rng(0)
    vectors = unit(random.standard_normal((1_500, DIMENSION)))  # whose cosines are rounded

    one, several = (build_knn_graph(vectors, 10, threads=n) for n in (1, 4))

    assert np.array_equal(one.rows, several.rows)
    assert np.array_equal(one.similarities, several.similarities)


def test_cells_that_several_threads_learn_find_as_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbouring, "EXACT_UP_TO", 1_000)
    monkeypatch.setattr(neighbouring, "_STEP", 100)
    vectors, _ = families((200, 150, 50, 20), 2_600)

    one, several = (build_knn_graph(vectors, 10, seed=3, threads=n) for n in (1, 4))

    # a cell may lie elsewhere where a sum is rounded otherwise; enough is found all the same
    assert min(one.recall, several.recall) >= neighbour_cells._ENOUGH  # noqa: SLF001
    assert one.rows.shape == several.rows.shape


def test_a_stranger_among_copies_of_one_picture_has_neighbours_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(neighbouring, "EXACT_UP_TO", 1_000)
    strangers = exact_unit(np.random.default_rng(0).standard_normal((8, DIMENSION)))
    copies = copies_of_one(2_000)
    vectors = np.concatenate([strangers, copies]).astype(np.float32)

    found = build_knn_graph(vectors, 30)

    assert found.rows.min() >= 0
    assert not (found.rows == np.arange(len(vectors))[:, np.newaxis]).any()
    assert (found.similarities >= -1).all()
    assert clustered(vectors, max_link=0.3).labels[8:].tolist() == [0] * 2_000


def test_a_search_that_is_stopped_ends_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbouring, "EXACT_UP_TO", 1_000)
    monkeypatch.setattr(neighbouring, "_STEP", 100)
    vectors, _ = families((200,), 2_000)
    told = list[int]()

    def stop(count: int) -> None:
        told.append(count)
        if count:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        build_knn_graph(vectors, 10, threads=2, on_progress=stop)
    assert sum(told) == 100


# --- HDBSCAN -------------------------------------------------------------------------------------


@pytest.mark.parametrize("min_samples", [2, 5])
@pytest.mark.parametrize("seed", range(3))
def test_clusters_are_those_of_the_definition(seed: int, min_samples: int) -> None:
    vectors, labels = families((60, 40, 20, 12, 8), 80, seed=seed)

    graph = build_knn_graph(vectors, len(vectors))
    ours = hdbscan(graph, min_cluster_size=5, min_samples=min_samples).labels

    expected = hdbscan_by_definition(vectors, 5, min_samples)
    np.testing.assert_array_equal(ours, expected)
    assert len(set(labels.tolist())) > 2


def test_where_nothing_ties_clusters_are_those_of_scikit_learn() -> None:
    # With one sample the reachability is the distance: it ties where two distances do.
    vectors, labels = families((80, 40, 20, 10, 7), 100)
    distances = np.sqrt(2 - 2 * (vectors @ vectors.T).astype(np.float64))
    tree = minimum_spanning_tree(distances).data
    assert len(set(tree.tolist())) == len(tree)

    graph = build_knn_graph(vectors, len(vectors))
    ours = hdbscan(graph, min_cluster_size=5, min_samples=1).labels

    theirs = HDBSCAN(min_cluster_size=5, min_samples=1, copy=True).fit_predict(vectors)
    assert adjusted_rand_score(theirs, ours) == 1
    assert set(np.flatnonzero(theirs < 0)) == set(np.flatnonzero(ours < 0))
    assert adjusted_rand_score(labels[labels >= 0], ours[labels >= 0]) > 0.9


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10_000), st.permutations(range(40)))
def test_the_order_of_the_vectors_changes_no_cluster(seed: int, order: list[int]) -> None:
    # Few directions: nearly all distances tie.
    random = np.random.default_rng(seed)
    vectors = np.zeros((40, 8), np.float32)
    for vector in vectors:
        vector[random.permutation(8)[:4]] = random.choice([-0.5, 0.5], 4)

    def divided(rows: list[int]) -> NDArray[np.int64]:
        graph = build_knn_graph(vectors[rows], 40)
        return hdbscan(graph, min_cluster_size=3, min_samples=2, max_link=0.6).labels

    straight, mixed = divided([*range(40)]), divided(order)

    def parts(labels: NDArray[np.int64], rows: list[int]) -> set[frozenset[int]]:
        named = {label: set[int]() for label in labels.tolist() if label >= 0}
        for label, row in zip(labels.tolist(), rows, strict=True):
            if label >= 0:
                named[label].add(row)
        return {frozenset(members) for members in named.values()}

    assert parts(straight, [*range(40)]) == parts(mixed, order)


def test_what_ties_two_clusters_together_is_in_neither() -> None:
    # On a line: two clusters of four with a vector in the middle, as far from one as the other.
    places = np.array([0, 1, 2, 3, 8, 13, 14, 15, 16, 100, 101, 102, 103])
    lengths = np.abs(places[:, np.newaxis] - places) / 200
    similarities = (1 - lengths**2 / 2).astype(np.float32)

    for order in (np.arange(13), np.arange(13)[::-1]):
        shuffled = similarities[np.ix_(order, order)]
        np.fill_diagonal(shuffled, -2)
        rows = np.argsort(-shuffled, axis=1, kind="stable")[:, :12]
        graph = KnnGraph(rows, np.take_along_axis(shuffled, rows, 1), 1.0)

        labels = hdbscan(graph, min_cluster_size=3, min_samples=1).labels[np.argsort(order)]

        assert labels[4] == -1
        assert len({*labels[:4].tolist()}) == len({*labels[5:9].tolist()}) == 1
        assert labels[0] != labels[5]


def test_probabilities_and_outlier_scores_lie_between_0_and_1() -> None:
    vectors, _ = families((120, 40), 100)

    found = clustered(vectors)

    assert ((found.probabilities >= 0) & (found.probabilities <= 1)).all()
    assert ((found.outlier_scores >= 0) & (found.outlier_scores <= 1)).all()
    assert (found.probabilities[found.labels < 0] == 0).all()
    members, noise = found.labels >= 0, found.labels < 0
    assert found.outlier_scores[members].mean() < found.outlier_scores[noise].mean()


def test_pictures_that_are_like_no_other_are_no_cluster() -> None:
    vectors, labels = families((30, 20), 400)

    found = clustered(vectors, max_link=0.3)

    assert (found.labels[labels < 0] == -1).all()
    assert set(found.labels[labels >= 0].tolist()) == {0, 1}


@pytest.mark.parametrize("n", [0, 1, 2, 4])
def test_fewer_than_a_cluster_needs_are_noise(n: int) -> None:
    vectors, _ = families((10,), 0)

    found = clustered(vectors[:n])

    assert found.labels.tolist() == [-1] * n


def test_two_points_are_a_cluster_of_two_where_that_is_allowed() -> None:
    vectors = copies_of_one(2)

    assert clustered(vectors, min_cluster_size=2, min_samples=1).labels.tolist() == [0, 0]


def test_identical_vectors_are_one_cluster() -> None:
    vectors = copies_of_one(50)

    found = clustered(vectors)

    assert set(found.labels.tolist()) == {0}
    assert (found.probabilities == 1).all()


@pytest.mark.parametrize("strangers", [0, 1, 100])
def test_one_family_alone_is_a_cluster(strangers: int) -> None:
    vectors, labels = families((30,), strangers)

    found = clustered(vectors, max_link=0.3)

    np.testing.assert_array_equal(found.labels, labels)
    assert ((found.outlier_scores >= 0) & (found.outlier_scores <= 1)).all()


def test_vectors_without_any_neighbourhood_are_all_noise() -> None:
    assert set(clustered(np.eye(DIMENSION, dtype=np.float32)).labels.tolist()) == {-1}


def test_the_same_seed_gives_the_same_clusters() -> None:
    vectors, _ = families((120, 80), 200)

    np.testing.assert_array_equal(clustered(vectors).labels, clustered(vectors).labels)


# --- KMeans --------------------------------------------------------------------------------------


def test_kmeans_finds_families_of_a_given_number() -> None:
    vectors, labels = families((100, 100, 100), 0)

    assert adjusted_rand_score(labels, kmeans(vectors, 3)) == 1


def test_the_number_of_families_is_found() -> None:
    vectors, _ = families((100, 100, 100), 0)

    assert choose_k(vectors) == 3


@pytest.mark.parametrize(("n", "k"), [(0, 3), (1, 3), (2, 5), (3, 3)])
def test_there_are_no_more_clusters_than_vectors(n: int, k: int) -> None:
    labels = kmeans(np.eye(DIMENSION, dtype=np.float32)[:n], k)

    assert len(labels) == n
    assert set(labels.tolist()) == set(range(len(set(labels.tolist()))))


# --- shapes --------------------------------------------------------------------------------------


def test_a_shape_has_the_medoid_radius_and_width_of_brute_force() -> None:
    vectors, labels = families((50, 30), 10)
    rows = np.flatnonzero(labels == 1)

    shape = shape_of(vectors, rows)

    distances = cosine_distances(vectors[rows])
    assert shape.medoid == rows[distances.sum(axis=1).argmin()]
    middle = list(rows).index(shape.medoid)
    assert shape.radius == pytest.approx(distances[middle].max(), abs=1e-5)
    assert shape.max_pair_distance == pytest.approx(distances.max(), abs=1e-5)
    assert shape.exemplars[0] == shape.medoid
    assert len(set(shape.exemplars)) == len(shape.exemplars) == 8
    assert set(shape.exemplars) <= set(rows.tolist())


def test_of_two_members_the_first_is_the_medoid_however_their_lengths_are_rounded() -> None:
    two, _ = families((2,), 0)
    for longer in (0, 1):
        rounded = two.copy()
        rounded[longer] *= np.float32(1 + 3e-7)

        assert shape_of(rounded, np.arange(2)).medoid == 0


def test_a_cluster_of_copies_has_one_exemplar_and_no_width() -> None:
    vectors = copies_of_one(5)

    shape = shape_of(vectors, np.arange(5))

    assert len(shape.exemplars) == 1
    assert shape.radius == shape.max_pair_distance == pytest.approx(0, abs=1e-6)


# --- assignment ----------------------------------------------------------------------------------


def reach(*clusters: tuple[int, list[float], float]) -> ClusterReach:
    return ClusterReach(
        run_id=1,
        cluster_ids=np.array([cluster for cluster, _, _ in clusters], np.int64),
        names=tuple(f"cluster-{cluster}" for cluster, _, _ in clusters),
        medoids=unit(np.array([medoid for _, medoid, _ in clusters], np.float32).reshape(-1, 2)),
        radii=np.array([radius for _, _, radius in clusters]),
    )


def test_a_vector_joins_the_nearest_cluster_that_reaches_it() -> None:
    known = reach((7, [1, 0], 0.1), (9, [0, 1], 0.5))
    vectors = unit(np.array([[1, 0.1], [0.6, 0.8], [-1, 0], [1, 0.9]]))

    found = assign(vectors, known)

    assert found.cluster_ids.tolist() == [7, 9, -1, 9]
    assert found.similarities[0] == pytest.approx(vectors[0, 0])
    assert found.similarities[2] == -1


def test_without_clusters_nothing_is_assigned() -> None:
    assert assign(unit(np.ones((3, 2))), reach()).cluster_ids.tolist() == [-1, -1, -1]
