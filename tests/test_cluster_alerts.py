"""Alerts: what of a run's clusters is not as it was in the run before."""

import signal
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import numpy as np
import pytest
from sqlalchemy import update

from indexer.clustering.alerts import AlertRules, find_alerts, why_not_compared
from indexer.clustering.cluster_parameters import ClusterParameters
from indexer.clustering.incremental import ClusterRefresher
from indexer.clustering.runs import ClusterRunner
from indexer.errors import InputError, NotFoundError
from indexer.settings import Settings
from indexer.store import Store, open_store
from indexer.store.models import ImageRow
from indexer.types import (
    Alert,
    AlertKind,
    BankKind,
    ClusterAlgorithm,
    ClusterScope,
    Curve,
    Embeddings,
    QueueKind,
    Refreshed,
    ReviewFilter,
    RunState,
    Space,
    SpaceTraits,
)
from support.catalog import LABELS, arrival, bind, new_image
from support.deaths import Death, Moment
from support.families import add_family, add_vectors, clustered, near_axis
from support.forked import run_each
from support.fusion import SIMPLE
from support.unit_vectors import exact_unit

RULES = AlertRules(growth_factor=2, min_size=10, drift=0.2)


@pytest.fixture
def space(store: Store) -> Space:
    return bind(store)


def shown(alerts: list[Alert]) -> list[tuple[AlertKind, int, str | None]]:
    return [(alert.kind, alert.cluster_id, alert.bank) for alert in alerts]


def test_a_cluster_alerts_by_growth_once_it_is_large_and_has_doubled(
    store: Store, space: Space
) -> None:
    for axis, size in enumerate((10, 12, 5)):
        add_family(store, space, axis, range(100 * axis, 100 * axis + size))
    clustered(store)
    for axis, size in enumerate((20, 16, 9)):
        add_family(store, space, axis, range(1000 + 100 * axis, 1000 + 100 * axis + size - 5))
    add_family(store, space, 5, range(5000, 5011))
    run = clustered(store)

    with store.reader() as catalog:
        before = catalog.clusters.sizes(1)
        now = catalog.clusters.sizes(run.id)
    expected = {
        cluster: size
        for cluster, size in now.items()
        if size >= 10 and size >= 2 * before.get(cluster, 0)
    }
    found = find_alerts(store, RULES)

    assert {(alert.cluster_id, alert.now) for alert in found if alert.kind == "growth"} == {
        *expected.items()
    }
    assert sorted(expected.values()) == [11, 25]
    assert [alert.message.partition(") ")[2] for alert in found if alert.kind == "growth"] == [
        "grew from 10 to 25 images, 15 an hour (run 1 to 2).",
        "is new, of 11 images, 11 an hour (run 1 to 2).",
    ]


def test_a_cluster_alerts_by_a_block_bank_that_it_did_not_hit(store: Store, space: Space) -> None:
    families = [
        add_family(store, space, axis, range(100 * axis, 100 * axis + 6)) for axis in range(3)
    ]
    with store.writer() as writer:
        old = writer.banks.create("old", BankKind.BLOCK)
        new = writer.banks.create("new", BankKind.BLOCK)
        excusing = writer.banks.create("excusing", BankKind.ALLOW)
        writer.entries.add(old.id, families[0])
    clustered(store)
    with store.writer() as writer:
        writer.entries.add(new.id, families[0][:1])
        writer.entries.add(old.id, [*families[0], *families[1][:2]])
        writer.entries.add(excusing.id, families[2])
    clustered(store)

    alerts = find_alerts(store, RULES)

    with store.reader() as catalog:
        found = catalog.cluster_members.membership(2)
    of_image = dict(zip(found.image_ids.tolist(), found.cluster_ids.tolist(), strict=True))
    first, second = of_image[families[0][0]], of_image[families[1][0]]
    assert {*shown(alerts)} == {
        (AlertKind.BANK_HIT, first, "new"),
        (AlertKind.BANK_HIT, second, "old"),
    }
    assert {alert.now for alert in alerts} == {1, 2}
    with store.reader() as catalog:
        items = catalog.reviews.page(ReviewFilter(queue=QueueKind.CLUSTER_ALERT))
    assert {(item.cluster_id, item.bank) for item in items} == {(first, "new"), (second, "old")}
    assert {item.evidence.message for item in items} == {alert.message for alert in alerts}


def test_a_cluster_alerts_by_classes_that_are_not_what_they_were(
    store: Store, space: Space
) -> None:
    def add(seeds: range, axis: int, drawing: float) -> None:
        items = []
        for seed in seeds:
            image = new_image(seed)
            image = replace(
                image,
                embedding=near_axis(axis, seed),
                probabilities=image.probabilities * 0 + [drawing, 1 - drawing],
            )
            items.append((image, arrival(f"{seed}.jpg")))
        with store.writer() as writer:
            writer.images.add(items, space.id)

    add(range(20), 0, 0.9)
    add(range(100, 120), 1, 0.9)
    clustered(store)
    add(range(200, 208), 0, 0.1)  # 8 of 28 are photos now
    add(range(300, 304), 1, 0.1)  # 4 of 24
    clustered(store)

    [alert] = find_alerts(store, RULES)

    assert (alert.kind, alert.size) == (AlertKind.DRIFT, 28)
    assert alert.now == pytest.approx(8 / 28)
    assert find_alerts(store, replace(RULES, drift=0.3)) == []


def test_a_first_run_has_no_alerts_and_no_run_is_an_error(store: Store, space: Space) -> None:
    with pytest.raises(NotFoundError, match="There is no finished cluster run yet"):
        find_alerts(store, RULES)
    add_vectors(store, space, {seed: near_axis(0, seed) for seed in range(20)})
    clustered(store)

    assert find_alerts(store, RULES) == []


@pytest.mark.parametrize("wrong", [{"growth_factor": 1}, {"min_size": 0}, {"drift": 1.5}], ids=str)
def test_rules_out_of_bounds_are_refused(store: Store, wrong: dict[str, float]) -> None:
    with pytest.raises(InputError):
        find_alerts(store, replace(RULES, **wrong))  # type: ignore[arg-type]


def families_of(store: Store, space: Space, sizes: dict[int, int], start: int) -> None:
    for axis, size in sizes.items():
        add_family(store, space, axis, range(start + 100 * axis, start + 100 * axis + size))


def strangers(seeds: range, dimension: int) -> dict[int, Embeddings]:
    """Make unit vectors that lie far from each other."""
    random = np.random.default_rng(0)
    return dict(zip(seeds, exact_unit(random.normal(size=(len(seeds), dimension))), strict=True))


@pytest.fixture
def wide(store: Store) -> Space:
    """Bind a space with room for thousands of strangers."""
    with store.writer() as writer:
        return writer.spaces.register(
            fingerprint="wide", model="wide", architecture="vit", dimension=64, labels=LABELS
        )


def edit(axis: int, towards: int | None = None) -> Embeddings:
    """Make an original, or an edit of it that matches it (cosine 0.95) and no other (0.9)."""
    vector = np.zeros(64, np.float32)
    vector[axis] = 1 if towards is None else 0.95
    if towards is not None:
        vector[towards] = np.sqrt(1 - 0.95**2)
    return vector


def add_each(
    store: Store,
    space: Space,
    vectors: list[Embeddings],
    first_seed: int,
    bank_id: int | None = None,
) -> None:
    add_vectors(store, space, dict(enumerate(vectors, first_seed)), bank_id)


def test_a_timer_sees_families_of_8_that_have_19_and_a_new_one_among_2_000(
    store: Store, wide: Space
) -> None:
    unhashed = replace(SIMPLE, pdq=Curve((0.0, 1.0), (1.0, 0.0)))
    bound = SpaceTraits(replace(unhashed, lookalike=83.0, near_duplicate=90.0))
    refresher = ClusterRefresher(store, Settings(worker_threads=1), bound)
    what = (ClusterAlgorithm.FAMILIES, ClusterScope(), ClusterParameters())
    with store.writer() as writer:
        bank = writer.banks.create("known", BankKind.BLOCK).id
    copies = [[edit(axis, 3 + 18 * axis + number) for number in range(18)] for axis in range(3)]
    for axis, edits in enumerate(copies):
        add_each(store, wide, [edit(axis), *edits[:7]], 100 * axis)
    add_each(store, wide, [edit(60)], 400, bank_id=bank)
    add_vectors(store, wide, strangers(range(5000, 7000), wide.dimension))
    first = refresher.refresh(*what)
    with store.reader() as catalog:
        assert set(catalog.clusters.sizes(first.run.id).values()) == {8}
    assert find_alerts(store, RULES) == []

    for axis, edits in enumerate(copies):
        add_each(store, wide, edits[7:], 1000 + 100 * axis)
    add_each(store, wide, [edit(60, 61)], 2000)
    add_each(store, wide, [edit(62), edit(62, 63)], 2100)  # new, small, and of no bank
    second = refresher.refresh(*what)
    since = find_alerts(store, RULES)
    full = ClusterRunner(store, Settings(worker_threads=1), bound).run(*what)
    after = find_alerts(store, RULES)

    assert (first.how, second.how) == (Refreshed.CLUSTERED, Refreshed.ASSIGNED)
    for found, when in ((since, "since run 1"), (after, "run 1 to 2")):
        hit, *grown = found
        assert (hit.kind, hit.bank, hit.size) == (AlertKind.BANK_HIT, "known", 2)
        assert [(a.kind, a.before, a.now) for a in grown] == [(AlertKind.GROWTH, 8, 19)] * 3
        assert all(f"images, 11 an hour ({when})" in alert.message for alert in grown)
    assert (full.id, {alert.cluster_id for alert in since}) == (2, {a.cluster_id for a in after})


def test_families_that_grow_by_joining_alert_before_and_after_the_next_run(
    store: Store, space: Space
) -> None:
    families_of(store, space, {0: 8, 1: 8, 2: 8}, 0)
    run = clustered(store, min_cluster_size=4)
    for axis in range(3):  # well within what the families reach
        seeds = range(1000 + 100 * axis, 1011 + 100 * axis)
        add_vectors(store, space, {seed: near_axis(axis, seed, spread=0.02) for seed in seeds})
    refresher = ClusterRefresher(store, Settings(worker_threads=1))
    with store.reader() as catalog:
        assert set(catalog.clusters.sizes(run.id).values()) == {8}
    assert find_alerts(store, RULES) == []
    joined = refresher.assign(run)

    found = find_alerts(store, RULES)

    assert joined == 33
    assert [(alert.kind, alert.before, alert.now) for alert in found] == [
        (AlertKind.GROWTH, 8, 19)
    ] * 3
    assert all(f", 11 an hour (since run {run.id})" in alert.message for alert in found)
    later = clustered(store, min_cluster_size=4)
    grown = find_alerts(store, RULES)
    assert [(alert.kind, alert.before, alert.now) for alert in grown] == [
        (AlertKind.GROWTH, 8, 19)
    ] * 3
    assert {alert.run_id for alert in grown} == {later.id}


def test_a_run_with_other_parameters_is_not_compared_and_says_so(
    store: Store, space: Space
) -> None:
    families_of(store, space, {0: 12, 1: 12, 2: 30}, 0)
    clustered(store, min_cluster_size=20)
    changed = clustered(store, min_cluster_size=4)

    assert find_alerts(store, RULES) == []
    with store.reader() as catalog:
        assert "min_cluster_size 20 and 4" in (why_not_compared(catalog, changed) or "")

    families_of(store, space, {0: 14}, 1000)
    again = clustered(store, min_cluster_size=4)
    with store.reader() as catalog:
        assert why_not_compared(catalog, again) is None
    assert [(alert.kind, alert.now) for alert in find_alerts(store, RULES)] == [
        (AlertKind.GROWTH, 26)
    ]


def test_a_small_cluster_alerts_by_growth_where_it_hits_a_block_bank(
    store: Store, space: Space
) -> None:
    with store.writer() as writer:
        bank = writer.banks.create("known", BankKind.BLOCK).id
    add_family(store, space, 0, range(5), bank_id=bank)
    families_of(store, space, {1: 5}, 0)
    clustered(store, min_samples=3)
    families_of(store, space, {0: 4, 1: 4}, 1000)
    clustered(store, min_samples=3)

    [alert] = find_alerts(store, replace(RULES, growth_factor=1.5))

    assert (alert.kind, alert.before, alert.now) == (AlertKind.GROWTH, 5, 9)
    with store.reader() as catalog:
        hit = catalog.cluster_members.bank_hits(alert.run_id, datetime.now(UTC))
    assert [*hit] == [alert.cluster_id]


def test_an_image_of_a_block_bank_that_joins_after_the_first_run_alerts(
    store: Store, space: Space
) -> None:
    families_of(store, space, {0: 6}, 0)
    with store.writer() as writer:
        bank = writer.banks.create("known", BankKind.BLOCK).id
    add_family(store, space, 1, range(100, 106), bank_id=bank)
    run = clustered(store)
    assert find_alerts(store, RULES) == []  # what the first run finds is no news
    add_vectors(store, space, {50: near_axis(0, 50, spread=0.01)}, bank_id=bank)
    ClusterRefresher(store, Settings(worker_threads=1)).assign(run)

    [alert] = find_alerts(store, RULES)

    assert (alert.kind, alert.bank, alert.size) == (AlertKind.BANK_HIT, "known", 7)


def test_growth_is_told_by_the_hour_or_by_the_day(store: Store, space: Space) -> None:
    families_of(store, space, {0: 10, 1: 10}, 0)
    first = clustered(store, min_cluster_size=10)
    families_of(store, space, {0: 12, 1: 12}, 1000)
    with store.reader() as catalog:
        slow = max(catalog.images.ids().tolist())
    with store.writer() as writer:
        later = first.created_at + timedelta(days=4)
        writer.connection.execute(
            update(ImageRow).where(ImageRow.id == slow).values(created_at=later)
        )
    run = clustered(store, min_cluster_size=10)

    found = find_alerts(store, RULES)

    with store.reader() as catalog:
        [of_slow] = [
            member.cluster_id
            for each in found
            for member in catalog.cluster_members.page(run.id, each.cluster_id)
            if member.image_id == slow
        ]
        paces = {each.id: each.growth_per_hour for each in catalog.clusters.page(run.id)}
    assert {alert.cluster_id == of_slow: alert.message.rpartition(", ")[2] for alert in found} == {
        False: "12 an hour (run 1 to 2).",
        True: "3.0 a day (run 1 to 2).",
    }
    assert {cluster == of_slow: pace for cluster, pace in paces.items()} == {False: 22, True: None}


def _cluster_until(death: Death, url: str) -> None:
    with open_store(url) as store:
        death.arm()
        clustered(store)


@pytest.mark.postgres
def test_a_run_that_is_killed_once_it_is_seen_has_its_review_items(
    store: Store, space: Space, database_url: str
) -> None:
    add_family(store, space, 0, range(6))
    clustered(store)
    with store.writer() as writer:
        bank = writer.banks.create("known", BankKind.BLOCK).id
    add_vectors(store, space, {50: near_axis(0, 50)}, bank_id=bank)

    death = Death(Moment.COMMITTED, 2)  # the first commit begins the run
    assert run_each(partial(_cluster_until, death, database_url)) == [-signal.SIGKILL]

    with store.reader() as catalog:
        assert catalog.cluster_runs.page()[-1].state is RunState.DONE
        [asked] = catalog.reviews.page(ReviewFilter(queue=QueueKind.CLUSTER_ALERT))
    assert asked.bank == "known"
