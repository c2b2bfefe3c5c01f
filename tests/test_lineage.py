"""What becomes of clusters from run to run: identities, and one event for each."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.clustering.lineage import trace
from indexer.store import FoundLineage, Store
from indexer.types import ClusterRun, LineageEvent, Space
from support.catalog import bind
from support.families import add_family, add_vectors, beside, clustered, members_of, near_axis

NEW, CONTINUED, GROWN, MERGED, SPLIT, GONE = LineageEvent


@pytest.fixture
def space(store: Store) -> Space:
    return bind(store)


def events(store: Store, run: ClusterRun) -> set[tuple[LineageEvent, int, int | None]]:
    with store.reader() as catalog:
        return {
            (step.event, step.cluster_id, step.other_id)
            for step in catalog.clusters.lineage(run.id)
        }


def cluster_of(store: Store, run: ClusterRun, images: list[int]) -> int:
    """Return the one cluster that all these images are in."""
    [found] = [
        cluster for cluster, members in members_of(store, run).items() if {*images} <= members
    ]
    return found


def test_four_runs_in_which_clusters_grow_split_merge_and_vanish(
    store: Store, space: Space
) -> None:
    # run 1: a and b; c with four pictures d beside it, too few for a family of their own; e
    a = add_vectors(store, space, {seed: near_axis(0, seed, 0.03) for seed in range(10)})
    b = add_vectors(store, space, {seed: beside(0, 1, seed) for seed in range(100, 109)})
    c = add_vectors(store, space, {seed: near_axis(2, seed, 0.03) for seed in range(200, 212)})
    d = add_vectors(store, space, {seed: beside(2, 3, seed) for seed in range(300, 304)})
    e = add_family(store, space, 5, range(400, 408))
    first = clustered(store)
    one, two, whole, five = (cluster_of(store, first, family) for family in (a, b, [*c, *d], e))
    assert len({one, two, whole, five}) == 4
    assert events(store, first) == {(NEW, each, None) for each in (one, two, whole, five)}

    # run 2: a grows; d grows into a family and splits off; e vanishes
    a += add_vectors(store, space, {seed: near_axis(0, seed, 0.03) for seed in range(20, 26)})
    d += add_vectors(store, space, {seed: beside(2, 3, seed) for seed in range(310, 318)})
    with store.writer() as writer:
        writer.images.remove(e)
    second = clustered(store)
    part = cluster_of(store, second, d)
    assert (cluster_of(store, second, a), cluster_of(store, second, c)) == (one, whole)
    assert part not in {one, two, whole, five}
    assert events(store, second) == {
        (GROWN, one, None),
        (CONTINUED, two, None),
        (CONTINUED, whole, None),
        (SPLIT, part, whole),
        (GONE, five, None),
    }

    # run 3: of b too few are left for a family of their own: it merges into a
    with store.writer() as writer:
        writer.images.remove(b[4:])
    third = clustered(store)
    assert cluster_of(store, third, [*a, *b[:4]]) == one
    assert events(store, third) == {
        (GROWN, one, None),
        (MERGED, two, one),
        (CONTINUED, whole, None),
        (CONTINUED, part, None),
    }

    # run 4: nothing but a family where e was: it is a new one, for the run before had none there
    f = add_family(store, space, 5, range(700, 708))
    fourth = clustered(store)
    six = cluster_of(store, fourth, f)
    assert six not in {one, two, whole, five, part}
    assert events(store, fourth) == {
        (CONTINUED, one, None),
        (CONTINUED, whole, None),
        (CONTINUED, part, None),
        (NEW, six, None),
    }
    assert [run.previous_run for run in (first, second, third, fourth)] == [None, 1, 2, 3]


def test_sizes_and_shared_images_are_those_of_the_two_runs(store: Store, space: Space) -> None:
    ids = add_family(store, space, 0, range(10))
    clustered(store)
    add_family(store, space, 0, range(20, 26))
    with store.writer() as writer:
        writer.images.remove(ids[:2])

    run = clustered(store)

    with store.reader() as catalog:
        [step] = catalog.clusters.lineage(run.id)
    assert (step.event, step.shared, step.size_before, step.size_after) == (GROWN, 8, 10, 14)


def test_a_name_of_an_identity_is_never_given_twice(store: Store, space: Space) -> None:
    seen: set[int] = set()
    for axis in range(4):  # each run finds the family of another axis alone
        ids = add_family(store, space, axis, range(100 * axis, 100 * axis + 8))
        run = clustered(store)
        cluster = cluster_of(store, run, ids)
        assert cluster not in seen
        seen.add(cluster)
        with store.writer() as writer:
            writer.images.remove(ids)


def test_images_assigned_after_a_run_do_not_count_as_found_by_it(
    store: Store, space: Space
) -> None:
    add_family(store, space, 0, range(10))
    first = clustered(store)
    late = add_vectors(store, space, {50: near_axis(0, 50, spread=0.01)})
    second = clustered(store)

    with store.reader() as catalog:
        [step] = catalog.clusters.lineage(second.id)
    assert cluster_of(store, second, late) == cluster_of(store, first, [1])
    assert (step.event, step.size_before, step.size_after) == (GROWN, 10, 11)


# --- properties of trace -------------------------------------------------------------------------


@st.composite
def two_runs(draw: st.DrawFn) -> tuple[dict[int, int], list[int], np.ndarray]:
    """Draw the clusters of a run by image, and the images and labels of the next one."""
    images = st.integers(1, 60)
    before = draw(st.dictionaries(images, st.sampled_from([-1, 11, 12, 13, 14]), max_size=60))
    after = draw(st.dictionaries(images, st.integers(-1, 4), max_size=60))
    ids = sorted(after)
    labels = np.array([after[image] for image in ids], np.int64)
    used = sorted({*labels[labels >= 0].tolist()})  # without gaps, as algorithms number them
    numbered = np.array([used.index(label) if label >= 0 else -1 for label in labels], np.int64)
    return before, ids, numbered


def by_members(
    steps: list[FoundLineage], labels: np.ndarray
) -> set[tuple[LineageEvent, frozenset[int], int | None, int | None, frozenset[int], int]]:
    """Return what was found with each new cluster named by its members."""

    def members(label: int | None) -> frozenset[int]:
        return (
            frozenset(np.flatnonzero(labels == label).tolist())
            if label is not None
            else frozenset()
        )

    return {
        (
            step.event,
            members(step.label),
            step.cluster_id,
            step.other_id,
            members(step.other_label),
            step.shared,
        )
        for step in steps
    }


@settings(deadline=None, max_examples=300)
@given(two_runs())
def test_each_cluster_of_either_run_has_one_event(
    runs: tuple[dict[int, int], list[int], np.ndarray],
) -> None:
    before, ids, labels = runs

    steps = trace(before, ids, labels)

    new = [step.label for step in steps if step.label is not None]
    assert sorted(new) == sorted({*labels[labels >= 0].tolist()})
    identities = [step.cluster_id for step in steps if step.cluster_id is not None]
    assert max(Counter(identities).values(), default=1) == 1  # none is given twice
    assert {*identities} == {*before.values()} - {-1}
    for step in steps:
        assert (step.label is None) == (step.event in {MERGED, GONE})
        assert (step.event in {NEW, SPLIT}) == (step.label is not None and step.cluster_id is None)
        assert (step.event is SPLIT) == (step.other_id is not None)
        assert (step.event is MERGED) == (step.other_label is not None)
        assert step.shared <= max(step.size_before, step.size_after)
        if step.label is not None:
            assert step.size_after == (labels == step.label).sum()


@settings(deadline=None, max_examples=100)
@given(two_runs(), st.randoms(use_true_random=False))
def test_the_order_of_images_and_numbers_of_labels_change_nothing(
    runs: tuple[dict[int, int], list[int], np.ndarray], random: "np.random.Generator"
) -> None:
    before, ids, labels = runs
    overlaps = Counter(
        (before[image], label)
        for image, label in zip(ids, labels.tolist(), strict=True)
        if image in before
    )
    if len({*overlaps.values()}) < len(overlaps):
        return  # ties are settled by number, as something has to settle them
    renumbered = [*range(labels.max(initial=-1) + 1)]
    random.shuffle(renumbered)
    others = np.array([renumbered[label] if label >= 0 else -1 for label in labels], np.int64)

    assert by_members(trace(before, ids, labels), labels) == by_members(
        trace(before, ids, others), others
    )


@settings(deadline=None, max_examples=100)
@given(two_runs())
def test_a_run_after_itself_continues_every_cluster(
    runs: tuple[dict[int, int], list[int], np.ndarray],
) -> None:
    _, ids, labels = runs
    before = {
        image: label + 100 if label >= 0 else -1
        for image, label in zip(ids, labels.tolist(), strict=True)
    }

    steps = trace(before, ids, labels)

    assert all(step.event is CONTINUED for step in steps)
    assert all(step.cluster_id == step.label + 100 for step in steps if step.label is not None)
