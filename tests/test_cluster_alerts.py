"""Alerts: what of a run's clusters is not as it was in the run before."""

from dataclasses import replace

import pytest

from indexer.clustering.alerts import AlertRules, find_alerts, why_not_compared
from indexer.clustering.incremental import ClusterRefresher
from indexer.errors import InputError, NotFoundError
from indexer.settings import Settings
from indexer.store import Store
from indexer.types import Alert, AlertKind, BankKind, Space
from support.catalog import arrival, bind, new_image
from support.families import add_family, add_vectors, clustered, near_axis

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
        "grew from 10 to 25 images (run 1 to 2).",
        "is new, of 11 images (run 1 to 2).",
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
    joined = refresher.assign(run)

    found = find_alerts(store, RULES)

    assert joined == 33
    assert [(alert.kind, alert.before, alert.now) for alert in found] == [
        (AlertKind.GROWTH, 8, 19)
    ] * 3
    assert all(f"since run {run.id}" in alert.message for alert in found)
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
