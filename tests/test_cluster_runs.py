"""Cluster runs: what is looked at, what is written, and what a cut-off one leaves behind."""

import os
import signal
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest

from indexer.cluster_assignment import AskedCluster, NewestClusters
from indexer.clustering import partition, pattern_search
from indexer.clustering import runs as running
from indexer.clustering.cluster_parameters import ClusterParameters
from indexer.clustering.incremental import ClusterRefresher
from indexer.clustering.runs import ClusterRunner
from indexer.errors import InputError, NotFoundError, RunUnderWay, UnusableVectors
from indexer.settings import Settings
from indexer.store import Store, open_store
from indexer.types import (
    BankKind,
    ClusterAlgorithm,
    ClusterScope,
    Refreshed,
    RunState,
    SourceDetails,
    Space,
)
from indexer.upkeep.removal import purge
from support.catalog import DIMENSION, arrival, bind, new_image
from support.families import (
    EVERYTHING,
    add_family,
    add_vectors,
    clustered,
    members_of,
    near_axis,
)
from support.forked import run_each

pytestmark = pytest.mark.numeric

FAMILIES, GROUPS, HDBSCAN, KMEANS = ClusterAlgorithm
SETTINGS = Settings(worker_threads=1)


@pytest.fixture
def space(store: Store) -> Space:
    return bind(store)


def runner(store: Store) -> ClusterRunner:
    return ClusterRunner(store, SETTINGS)


# --- what a run finds ----------------------------------------------------------------------------


@pytest.mark.postgres
def test_a_run_finds_the_families_and_writes_them_down(store: Store, space: Space) -> None:
    first, second = (
        add_family(store, space, 0, range(8)),
        add_family(store, space, 1, range(10, 16)),
    )
    stranger = add_vectors(store, space, {99: near_axis(5, 99)})

    run = clustered(store)

    found = members_of(store, run)
    assert (run.state, run.images, run.clusters, run.noise) == (RunState.DONE, 15, 2, 1)
    assert sorted(map(sorted, found.values())) == sorted([first, second, stranger])
    assert found[-1] == set(stranger)
    with store.reader() as catalog:
        clusters = {each.size: each for each in catalog.clusters.page(run.id)}
    assert clusters[8].medoid in first
    assert clusters[8].exemplars[0] == clusters[8].medoid
    assert set(clusters[8].exemplars) <= set(first)
    assert 0 < clusters[8].radius <= clusters[8].max_pair_distance < 0.1
    assert clusters[8].name.startswith("pictures/: 8 images")


@pytest.mark.parametrize("algorithm", list(ClusterAlgorithm))
def test_an_index_without_images_has_no_clusters(
    store: Store, space: Space, algorithm: ClusterAlgorithm
) -> None:
    run = clustered(store, algorithm)

    assert space
    assert (run.state, run.images, run.clusters, run.noise) == (RunState.DONE, 0, 0, 0)


@pytest.mark.parametrize(("algorithm", "noise"), [(HDBSCAN, 1), (KMEANS, 0), (FAMILIES, 1)])
def test_one_image_is_a_cluster_only_where_every_image_is_in_one(
    store: Store, space: Space, algorithm: ClusterAlgorithm, noise: int
) -> None:
    add_family(store, space, 0, [1])

    run = clustered(store, algorithm)

    assert (run.images, run.noise, run.clusters) == (1, noise, 1 - noise)


def test_two_images_are_a_cluster_where_that_is_allowed(store: Store, space: Space) -> None:
    add_family(store, space, 0, [1, 2])

    assert clustered(store).noise == 2
    assert clustered(store, min_cluster_size=2, min_samples=1).clusters == 1
    assert clustered(store, KMEANS, k=2).clusters == 2
    assert clustered(store, FAMILIES).clusters == 1
    assert clustered(store, KMEANS, k=2).clusters == 1  # copies count once


@pytest.mark.parametrize("algorithm", list(ClusterAlgorithm))
def test_identical_images_are_one_cluster(
    store: Store, space: Space, algorithm: ClusterAlgorithm
) -> None:
    same = near_axis(0, 0)
    ids = add_vectors(store, space, dict.fromkeys(range(12), same))

    run = clustered(store, algorithm)

    assert [*members_of(store, run).values()] == [set(ids)]


def test_images_unlike_each_other_are_all_noise(store: Store, space: Space) -> None:
    axes = np.eye(DIMENSION, dtype=np.float32)
    add_vectors(store, space, dict(enumerate(axes)))

    run = clustered(store)

    assert (run.noise, run.clusters) == (DIMENSION, 0)


@pytest.mark.parametrize("damage", [np.nan, np.inf, 0.0, 3.0])
def test_an_embedding_that_cannot_be_compared_is_refused(
    store: Store, space: Space, damage: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = add_family(store, space, 0, range(6))
    read = running.require_unit

    def damaged(scoped: Any) -> None:
        scoped.vectors[2] *= damage
        read(scoped)

    monkeypatch.setattr(running, "require_unit", damaged)

    with pytest.raises(UnusableVectors, match=rf"1 images .*\({ids[2]}\)"):
        clustered(store)
    with store.reader() as catalog:
        assert [run.state for run in catalog.cluster_runs.page()] == [RunState.FAILED]


@pytest.mark.parametrize("algorithm", list(ClusterAlgorithm))
def test_the_same_images_and_seed_give_the_same_clusters(
    store: Store, space: Space, algorithm: ClusterAlgorithm
) -> None:
    for axis in range(4):
        add_family(store, space, axis, range(20 * axis, 20 * axis + 12))

    first, second = clustered(store, algorithm), clustered(store, algorithm)

    assert members_of(store, first) == members_of(store, second)
    assert second.previous_run == first.id
    with store.reader() as catalog:
        assert {step.event for step in catalog.clusters.lineage(second.id)} == {"continued"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"min_cluster_size": 1},
        {"min_samples": 0},
        {"k": 0},
        {"max_link": 2.5},
        {"seed": -1},
        {"max_link": float("nan")},
    ],
    ids=str,
)
def test_parameters_out_of_bounds_begin_no_run(
    store: Store, space: Space, wrong: dict[str, Any]
) -> None:
    assert space
    with pytest.raises(InputError):
        clustered(store, **wrong)
    with store.reader() as catalog:
        assert catalog.cluster_runs.page() == []


# --- scopes --------------------------------------------------------------------------------------


def test_a_scope_of_banks_has_their_images_alone(store: Store, space: Space) -> None:
    with store.writer() as writer:
        banks = [writer.banks.create(name, BankKind.BLOCK).id for name in ("one", "two", "three")]
    inside = [
        *add_family(store, space, 0, range(6), banks[0]),
        *add_family(store, space, 0, range(10, 14), banks[1]),
    ]
    add_family(store, space, 0, range(20, 26), banks[2])
    add_family(store, space, 0, range(30, 36))

    run = clustered(store, scope=ClusterScope(banks=("one", "two")))

    assert set.union(*members_of(store, run).values()) == set(inside)


def test_a_scope_of_a_bank_that_is_not_there_is_refused(store: Store, space: Space) -> None:
    assert space
    with pytest.raises(NotFoundError, match="no bank nowhere"):
        clustered(store, scope=ClusterScope(banks=("nowhere",)))


def test_scopes_of_label_and_probability_have_the_images_that_reach_them(
    store: Store, space: Space
) -> None:
    ids = add_family(store, space, 0, range(30))
    share = {
        image: {"drawing": float(p[0]), "photo": float(p[1])}
        for image, p in zip(ids, (new_image(seed).probabilities for seed in range(30)), strict=True)
    }
    drawings = {image for image, p in share.items() if p["drawing"] >= p["photo"]}

    def looked_at(**scope: Any) -> set[int]:
        return set.union(*members_of(store, clustered(store, scope=ClusterScope(**scope))).values())

    assert 0 < len(drawings) < 30
    assert looked_at(label="drawing") == drawings
    assert looked_at(label="drawing", min_probability=0.8) == {
        image for image, p in share.items() if p["drawing"] >= 0.8
    }
    assert looked_at(min_probability=0.8) == {
        image for image, p in share.items() if max(p.values()) >= 0.8
    }


def test_scopes_of_time_begin_at_one_moment_and_end_before_the_other(
    store: Store, space: Space
) -> None:
    early = add_family(store, space, 0, range(6))
    with store.reader() as catalog:
        first = catalog.images.get(early[0]).created_at
    late = add_family(store, space, 0, range(10, 16))
    with store.reader() as catalog:
        second = catalog.images.get(late[0]).created_at

    def looked_at(**scope: Any) -> set[int]:
        return set.union(*members_of(store, clustered(store, scope=ClusterScope(**scope))).values())

    assert looked_at(since=second) == set(late)
    assert looked_at(until=second) == set(early)
    assert looked_at(since=first, until=second + timedelta(seconds=1)) == {*early, *late}


def test_a_scope_of_an_uploader_has_what_that_one_sent(store: Store, space: Space) -> None:
    add_family(store, space, 0, range(6))
    with store.writer() as writer:
        items = [
            (new_image(seed), arrival(f"{seed}.jpg", details=SourceDetails(uploader=uploader)))
            for seed, uploader in enumerate(("jo", "jo", "sam"), 50)
        ]
        writer.images.add(items, space.id)
        ids = writer.images.ids_by_sha256([image.sha256 for image, _ in items])

    run = clustered(store, scope=ClusterScope(uploader="jo"))

    assert members_of(store, run)[-1] == {ids[items[0][0].sha256], ids[items[1][0].sha256]}


def test_removed_images_are_out_of_every_scope(store: Store, space: Space) -> None:
    ids = add_family(store, space, 0, range(8))
    with store.writer() as writer:
        writer.images.remove(ids[:2])

    assert [*members_of(store, clustered(store)).values()] == [set(ids[2:])]


# --- runs that do not end well -------------------------------------------------------------------


def test_a_stopped_run_is_cancelled_and_leaves_nothing_visible(store: Store, space: Space) -> None:
    add_family(store, space, 0, range(8))
    stop = Event()

    run = runner(store).run(
        HDBSCAN,
        EVERYTHING,
        ClusterParameters(),
        on_progress=lambda *_: stop.set(),
        stop=stop,
    )

    assert run.state is RunState.CANCELLED
    with store.reader() as catalog:
        assert catalog.cluster_runs.newest(space.id) is None
        assert catalog.clusters.page(run.id) == []
        assert len(catalog.cluster_members.membership(run.id).image_ids) == 0


def test_progress_is_told_by_stages_that_end_with_all_images(store: Store, space: Space) -> None:
    add_family(store, space, 0, range(8))
    told: list[tuple[str, int, int]] = []

    runner(store).run(
        HDBSCAN,
        EVERYTHING,
        ClusterParameters(),
        on_progress=lambda *progress: told.append(progress),
    )

    assert [*dict.fromkeys(stage for stage, _, _ in told)] == [
        "reading",
        "comparing",
        "describing",
        "writing",
    ]
    assert ("comparing", 8, 8) in told
    assert ("describing", 8, 8) in told


@pytest.mark.postgres
def test_an_index_is_clustered_by_one_run_at_a_time(store: Store, space: Space) -> None:
    add_family(store, space, 0, range(8))

    with store.clustering() as free:
        assert free
        with pytest.raises(RunUnderWay):
            clustered(store)

    assert clustered(store).state is RunState.DONE
    with store.reader() as catalog:
        assert len(catalog.cluster_runs.page()) == 1


def _cluster_until_killed(url: str) -> None:
    def die(stage: str, _done: int, _of: int) -> None:
        if stage == "writing":
            os.kill(os.getpid(), signal.SIGKILL)

    with open_store(url) as store:
        runner(store).run(HDBSCAN, EVERYTHING, ClusterParameters(), on_progress=die)


@pytest.mark.postgres
@pytest.mark.slow
def test_a_killed_run_leaves_nothing_visible_and_the_next_one_marks_it(
    store: Store, space: Space, database_url: str
) -> None:
    add_family(store, space, 0, range(8))
    assert run_each(partial(_cluster_until_killed, database_url)) == [-signal.SIGKILL]
    with store.reader() as catalog:
        [killed] = catalog.cluster_runs.page()
        assert killed.state is RunState.RUNNING
        assert catalog.cluster_runs.newest(space.id) is None
        assert catalog.clusters.page(killed.id) == []

    run = clustered(store)

    assert run.state is RunState.DONE
    assert run.previous_run is None
    with store.reader() as catalog:
        assert catalog.cluster_runs.get(killed.id).state is RunState.FAILED
        assert catalog.cluster_runs.get(killed.id).finished_at is not None


# --- keeping up to date --------------------------------------------------------------------------


def refresher(store: Store) -> ClusterRefresher:
    return ClusterRefresher(store, SETTINGS)


def test_with_nothing_new_the_last_run_is_the_answer(store: Store, space: Space) -> None:
    add_family(store, space, 0, range(8))
    first = refresher(store).refresh(HDBSCAN, EVERYTHING, ClusterParameters())
    with store.writer() as writer:
        writer.banks.create("another", BankKind.BLOCK)  # changes the log, and nothing in scope

    again = refresher(store).refresh(HDBSCAN, EVERYTHING, ClusterParameters())

    assert (first.how, again.how) == (Refreshed.CLUSTERED, Refreshed.UNCHANGED)
    assert again.run == first.run
    with store.reader() as catalog:
        assert len(catalog.cluster_runs.page()) == 1


def test_few_new_images_are_assigned_and_many_are_clustered(store: Store, space: Space) -> None:
    old = add_family(store, space, 0, range(60))
    first = refresher(store).refresh(HDBSCAN, EVERYTHING, ClusterParameters()).run
    [cluster] = members_of(store, first).keys() - {-1}
    near = add_vectors(store, space, {500: near_axis(0, 500, spread=0.001)})
    add_vectors(store, space, {501: near_axis(6, 501)})

    few = refresher(store).refresh(HDBSCAN, EVERYTHING, ClusterParameters())

    assert (few.how, few.assigned, few.run.id) == (Refreshed.ASSIGNED, 1, first.id)
    assert members_of(store, first)[cluster] == {*old, *near}
    with store.reader() as catalog:
        assert [
            member.image_id
            for member in catalog.cluster_members.page(first.id, cluster)
            if member.assigned
        ] == near

    add_family(store, space, 1, range(600, 610))
    many = refresher(store).refresh(HDBSCAN, EVERYTHING, ClusterParameters())

    assert many.how is Refreshed.CLUSTERED
    assert many.run.previous_run == first.id


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_patterns_begin_with_the_graph_that_the_last_run_left(
    store: Store, space: Space, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pattern_search, "_KEPT_BEYOND", 0)
    monkeypatch.setattr(partition, "_ALL_PAIRS", 0)
    found: list[int] = []
    build = partition.build_knn_graph
    monkeypatch.setattr(
        partition, "build_knn_graph", lambda *args, **kw: found.append(1) or build(*args, **kw)
    )
    home = Settings(home=tmp_path, worker_threads=1)
    refresh = partial(
        ClusterRefresher(store, home).refresh,
        HDBSCAN,
        EVERYTHING,
        ClusterParameters(min_cluster_size=5),
        max_changed_share=0,
    )
    add_family(store, space, 0, range(40))
    add_family(store, space, 1, range(100, 130))
    first = refresh()
    new = add_family(store, space, 0, range(600, 605))
    with store.writer() as writer:
        writer.images.remove([*members_of(store, first.run)][:1])

    second = refresh()

    assert (first.how, second.how, len(found)) == (Refreshed.CLUSTERED, Refreshed.CLUSTERED, 1)
    [grown] = [ids for ids in members_of(store, second.run).values() if ids & {*new}]
    assert {*new} < grown
    anew = ClusterRunner(store, home).run(HDBSCAN, EVERYTHING, ClusterParameters(5))
    assert len(found) == 2
    assert sorted(map(sorted, members_of(store, anew).values())) == sorted(
        map(sorted, members_of(store, second.run).values())
    )

    [view] = (tmp_path / "views").glob("patterns-*/snapshot-*")
    graph = view / "graph.npy"
    graph.write_bytes(graph.read_bytes()[:-1] + b"!")  # damaged: it is found anew
    add_family(store, space, 1, range(700, 702))
    refresh()
    assert len(found) == 3

    with store.writer() as writer:
        writer.images.remove(new[:1])
    purge(store, home, new[:1])
    assert not [*(tmp_path / "views").glob("patterns-*")]


def test_any_change_is_clustered_where_none_counts_as_few(store: Store, space: Space) -> None:
    add_family(store, space, 0, range(60))
    refresher(store).refresh(HDBSCAN, EVERYTHING, ClusterParameters())
    add_vectors(store, space, {500: near_axis(0, 500)})

    again = refresher(store).refresh(HDBSCAN, EVERYTHING, ClusterParameters(), max_changed_share=0)

    assert again.how is Refreshed.CLUSTERED


def test_other_parameters_make_a_new_run(store: Store, space: Space) -> None:
    add_family(store, space, 0, range(8))
    refresher(store).refresh(HDBSCAN, EVERYTHING, ClusterParameters())

    other = refresher(store).refresh(HDBSCAN, EVERYTHING, ClusterParameters(max_link=0.2))

    assert other.how is Refreshed.CLUSTERED


def test_a_series_is_that_of_its_scope(store: Store, space: Space) -> None:
    add_family(store, space, 0, range(8))
    moment = datetime(2020, 1, 1, tzinfo=UTC)
    first = clustered(store)
    of_time = clustered(store, scope=ClusterScope(since=moment))
    again = clustered(store, scope=ClusterScope(since=moment))
    groups = clustered(store, GROUPS)

    assert first.previous_run is None
    assert of_time.previous_run is None
    assert again.previous_run == of_time.id
    assert groups.previous_run is None


def test_assigning_twice_adds_nothing_and_never_widens_a_cluster(
    store: Store, space: Space
) -> None:
    add_family(store, space, 0, range(30))
    run = clustered(store)
    with store.reader() as catalog:
        [before] = catalog.clusters.page(run.id)
    add_vectors(store, space, {seed: near_axis(0, seed, spread=0.01) for seed in range(100, 110)})
    far = add_vectors(store, space, {200: near_axis(0, 200, spread=0.6)})

    assert refresher(store).assign(run) == 10
    assert refresher(store).assign(run) == 0
    with store.reader() as catalog:
        assert catalog.clusters.page(run.id) == [before]
    assert not {*far} & members_of(store, run)[before.id]


def test_images_are_not_assigned_to_a_run_that_found_nothing(store: Store, space: Space) -> None:
    add_family(store, space, 0, range(8))
    stop = Event()
    stop.set()
    run = runner(store).run(HDBSCAN, EVERYTHING, ClusterParameters(), stop=stop)

    with pytest.raises(InputError, match="is cancelled"):
        refresher(store).assign(run)


# --- at search time ------------------------------------------------------------------------------


def test_a_vector_s_cluster_is_that_of_the_newest_run_over_everything(
    store: Store, space: Space
) -> None:
    add_family(store, space, 0, range(8))
    clusters = NewestClusters(store, space)
    clusters.refresh()
    assert clusters.find(AskedCluster(near_axis(0, 0))) is None

    run = clustered(store)
    clustered(store, KMEANS)
    clustered(store, scope=ClusterScope(since=datetime(2020, 1, 1, tzinfo=UTC)))
    assert clusters.find(AskedCluster(near_axis(0, 0))) is None  # until it looks again
    clusters.refresh()

    [cluster] = members_of(store, run).keys() - {-1}
    found = clusters.find(AskedCluster(near_axis(0, 0)))
    assert found is not None
    assert (found.id, found.run_id) == (cluster, run.id)
    assert found.name.startswith("pictures/: ")
    assert found.similarity > 0.95
    assert clusters.find(AskedCluster(near_axis(3, 1))) is None


def test_a_query_s_cluster_is_the_family_of_its_strongest_match(store: Store, space: Space) -> None:
    members = add_family(store, space, 0, range(3))
    stranger = add_vectors(store, space, {99: near_axis(5, 99)})
    run = clustered(store, FAMILIES)
    clusters = NewestClusters(store, space)
    clusters.refresh()

    found = clusters.find(AskedCluster(near_axis(0, 50)), [*stranger, *members])

    [family] = members_of(store, run).keys() - {-1}
    assert found is not None
    assert (found.id, found.run_id) == (family, run.id)
    assert found.similarity > 0.95
    assert clusters.find(AskedCluster(near_axis(0, 50)), stranger) is None
