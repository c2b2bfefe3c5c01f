"""Cluster alerts: new, growing and drifting clusters against the run before."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from indexer.clustering.newest_run import newest_or
from indexer.embedding_space import bound_space
from indexer.errors import InputError
from indexer.store import Additions, Catalog, Store
from indexer.types import Alert, AlertKind, ClusterRun, LineageEvent, RunState

_Hits = Mapping[int, Mapping[str, int]]
"""How many members hit a block bank, by cluster and bank."""


@dataclass(frozen=True, slots=True)
class AlertRules:
    """From where on a change is worth an alert."""

    growth_factor: float = 2.0  # size over size before
    min_size: int = 10  # images; smaller clusters alert only if they hit a block bank
    drift: float = 0.2  # total variation distance of the shares of classes, 0 to 1

    def check(self) -> None:
        """Make sure that the rules make sense.

        Raises
        ------
        InputError
            One is out of bounds.
        """
        if self.growth_factor <= 1 or self.min_size < 1 or not 0 <= self.drift <= 1:
            raise InputError(
                "Alerts require a growth factor above 1, a size of at least 1 and a drift "
                f"from 0 to 1; got {self.growth_factor}, {self.min_size} and {self.drift}."
            )


@dataclass(frozen=True, slots=True)
class _Pair:
    """A run and what it is compared with: the run before it, or the run as it was found."""

    run: ClusterRun
    previous: ClusterRun
    names: Mapping[int, str]
    additions: Mapping[int, Additions]  # since the run before began
    sizes: Mapping[int, int]  # with the images that joined since
    sizes_before: Mapping[int, int]  # as the run before found them, at its end
    origins: Mapping[int, int]  # the cluster before that a new one split off
    new: frozenset[int]  # those that the run before got after its end are new, too


def find_alerts(
    store: Store, rules: AlertRules, run_id: int | None = None, *, now: datetime | None = None
) -> list[Alert]:
    """Compare a run with the one before of the same images and parameters.

    Clusters are followed by their lineage; images that joined a cluster after the run count. A run
    that has none before it, or one of other parameters (`why_not_compared`), is compared with
    itself as it was found: what joined its clusters since, or founded new ones, is told.

    Parameters
    ----------
    store : Store
    rules : AlertRules
    run_id : int, optional
        The newest one that is done by default.
    now : datetime, optional
        The moment whose banks count for the run; this one by default. For what it is compared with
        those of that run's end count.

    Returns
    -------
    list of Alert
        Hits of banks first, then growth, then drift, largest clusters first.

    Raises
    ------
    InputError
        A rule is out of bounds, or the run is not done.
    NotFoundError
        There is no such run, or none is done.
    """
    rules.check()
    space = bound_space(store)
    run = newest_or(store, run_id)
    if run.state is not RunState.DONE:
        raise InputError(f"Cluster run {run.id} is {run.state}: it found nothing to compare.")
    with store.reader() as catalog:
        previous = _comparable(catalog, run)
        pair = _read(catalog, run, previous or run)
        hits = catalog.cluster_members.bank_hits(run.id, now or datetime.now(UTC))
        found = [*_bank_hits(catalog, pair, hits), *_growth(pair, rules, hits)]
        if previous:
            found += _drift(catalog, pair, rules, space.id)
    order = [AlertKind.BANK_HIT, AlertKind.GROWTH, AlertKind.DRIFT]
    return sorted(found, key=lambda a: (order.index(a.kind), -a.size, a.cluster_id, a.bank or ""))


def why_not_compared(catalog: Catalog, run: ClusterRun) -> str | None:
    """Say why a run is not compared with the one before it; None when it is.

    Clusters by other parameters are other clusters: what differs is not what changed.
    """
    if run.previous_run is None:
        return f"Run {run.id} is the first of its kind: there is none to compare it with."
    differences = changed_parameters(catalog, run)
    if not differences:
        return None
    return (
        f"Run {run.id} is not compared with run {run.previous_run}: their parameters differ "
        f"({differences}). The next run with the same ones is compared with it."
    )


def changed_parameters(catalog: Catalog, run: ClusterRun) -> str | None:
    """Name the parameters in which a run differs from the one before it; None if in none."""
    if run.previous_run is None:
        return None
    before, after = catalog.cluster_runs.get(run.previous_run).parameters, run.parameters
    changed = [name for name in sorted({*before, *after}) if before.get(name) != after.get(name)]
    return ", ".join(f"{name} {before.get(name)} and {after.get(name)}" for name in changed) or None


def _comparable(catalog: Catalog, run: ClusterRun) -> ClusterRun | None:
    if run.previous_run is None or why_not_compared(catalog, run):
        return None
    return catalog.cluster_runs.get(run.previous_run)


def _read(catalog: Catalog, run: ClusterRun, previous: ClusterRun) -> _Pair:
    found, joined = catalog.clusters.sizes(run.id), catalog.cluster_members.joined(run.id)
    is_itself = previous.id == run.id
    lineage = (
        [] if is_itself else catalog.clusters.lineage(run.id, limit=len(found) + run.images + 1)
    )
    later = catalog.clusters.founded(previous.id)
    new = {step.cluster_id for step in lineage if step.event is LineageEvent.NEW}
    return _Pair(
        run=run,
        previous=previous,
        names=catalog.clusters.names(run.id),
        additions=catalog.cluster_members.additions(run.id, previous.created_at),
        sizes={cluster_id: size + joined.get(cluster_id, 0) for cluster_id, size in found.items()},
        sizes_before={
            cluster_id: size
            for cluster_id, size in catalog.clusters.sizes(previous.id).items()
            if cluster_id not in later
        },
        origins={
            step.cluster_id: step.other_id
            for step in lineage
            if step.event is LineageEvent.SPLIT and step.other_id is not None
        },
        new=frozenset(new | later) & found.keys(),
    )


def _bank_hits(catalog: Catalog, pair: _Pair, hits: _Hits) -> Iterator[Alert]:
    then = pair.previous.finished_at or pair.previous.created_at
    hits_before = catalog.cluster_members.bank_hits(pair.previous.id, then, assigned=False)
    for cluster_id, banks in hits.items():
        origin = pair.origins.get(cluster_id, cluster_id)
        known = {} if cluster_id in pair.new else hits_before.get(origin, {})
        for bank, count in banks.items():
            if bank not in known:
                text = f"{count} of {pair.sizes[cluster_id]} images hit bank {bank}, none did"
                yield _alert(AlertKind.BANK_HIT, pair, cluster_id, (0, count), text, bank)


def _growth(pair: _Pair, rules: AlertRules, hits: _Hits) -> Iterator[Alert]:
    """Yield what grew; a new cluster that hits a bank alerts by that already, whatever its size."""
    for cluster_id, size in pair.sizes.items():
        before = pair.sizes_before.get(cluster_id, 0)
        is_large = size >= rules.min_size
        if before and size >= rules.growth_factor * before and (is_large or cluster_id in hits):
            text = f"grew from {before} to {size} images"
        elif is_large and cluster_id in pair.new:
            text = f"is new, of {size} images"
        else:
            continue
        additions = pair.additions.get(cluster_id)
        per_hour = additions.per_hour if additions else None
        if per_hour is not None:
            text += f", {_pace(per_hour)}"
        alert = _alert(AlertKind.GROWTH, pair, cluster_id, (before, size), text)
        yield replace(alert, per_hour=per_hour)


def _pace(per_hour: float) -> str:
    """Say how fast images came: by the hour if one came every hour."""
    return f"{per_hour:.0f} an hour" if per_hour >= 1 else f"{24 * per_hour:.1f} a day"


def _drift(catalog: Catalog, pair: _Pair, rules: AlertRules, space_id: int) -> Iterator[Alert]:
    classes = catalog.cluster_members.classes(pair.run.id, space_id)
    classes_before = catalog.cluster_members.classes(pair.previous.id, space_id)
    for cluster_id in classes.keys() & classes_before.keys():
        if min(pair.sizes[cluster_id], pair.sizes_before.get(cluster_id, 0)) < rules.min_size:
            continue
        distance = _distance(classes[cluster_id], classes_before[cluster_id])
        if distance > rules.drift:
            text = f"{distance:.0%} of its images are of other classes than before"
            yield _alert(AlertKind.DRIFT, pair, cluster_id, (0, distance), text)


def _distance(one: Mapping[str, int], other: Mapping[str, int]) -> float:
    """Return the total variation distance of two mixes of classes, 0 to 1."""
    total, others = sum(one.values()), sum(other.values())
    labels = one.keys() | other.keys()
    gaps = (abs(one.get(key, 0) / total - other.get(key, 0) / others) for key in sorted(labels))
    return sum(gaps) / 2


def _alert(
    kind: AlertKind,
    pair: _Pair,
    cluster_id: int,
    values: tuple[float, float],
    text: str,
    bank: str | None = None,
) -> Alert:
    name, size = pair.names[cluster_id], pair.sizes[cluster_id]
    joined = pair.previous.id == pair.run.id
    when = f"since run {pair.run.id}" if joined else f"run {pair.previous.id} to {pair.run.id}"
    message = f"Cluster {cluster_id} ({name}) {text} ({when})."
    return Alert(kind, pair.run.id, cluster_id, name, size, *values, bank, None, message)
