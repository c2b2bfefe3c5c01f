"""Clusters as their pages show them: what changed since the last run, the list, and each one."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from indexer.clustering.alerts import why_not_compared
from indexer.errors import NotFoundError
from indexer.reports.report_tree import Spread
from indexer.reports.shares import spread_of
from indexer.store import BankShare, Catalog
from indexer.types import (
    Alert,
    AlertKind,
    Bank,
    Cluster,
    ClusterAction,
    ClusterMember,
    ClusterRun,
    Lineage,
    LineageEvent,
    RunState,
    Space,
    place_of,
)

PAGE: Final = 48
"""Clusters of a page, and members of a page."""
_RUNS: Final = 30
_SAMPLE: Final = 1000  # members of which sources and days are counted
_OUTLIERS: Final = 8
_MOST: Final = 200  # rows of a history
_CHANGED: Final = (
    LineageEvent.NEW,
    LineageEvent.GROWN,
    LineageEvent.MERGED,
    LineageEvent.SPLIT,
    LineageEvent.GONE,
)


@dataclass(frozen=True, slots=True)
class ClusterFilter:
    """Which clusters of a run are listed; what is empty narrows nothing."""

    name: str = ""
    """Part of the name."""
    bank: str = ""
    """A bank that holds a member."""
    event: str = ""
    """What became of it since the run before."""
    least: int = 0
    """Images that it has at least."""

    @property
    def narrows(self) -> bool:
        """Whether anything is left out."""
        return self != ClusterFilter()


@dataclass(frozen=True, slots=True)
class ListedCluster:
    """A row of the list."""

    cluster: Cluster
    step: Lineage | None
    """What became of it since the run before."""
    shares: list[BankShare]
    """The banks that hold members."""


@dataclass(frozen=True, slots=True)
class ClusterList:
    """A run with a page of its clusters."""

    run: ClusterRun
    runs: list[ClusterRun]
    """Finished ones, newest first."""
    not_compared: str | None
    """Why the run is not compared with the one before."""
    events: Mapping[str, int]
    """How many clusters became what since the run before."""
    rows: list[ListedCluster]
    found: int
    """Clusters that the filter finds."""
    pictures: frozenset[int]
    banks: list[Bank]


@dataclass(frozen=True, slots=True)
class Bar:
    """What was added in a day, or in an hour."""

    when: datetime
    images: int


@dataclass(frozen=True, slots=True)
class ClusterPage:
    """One cluster as a run found it."""

    cluster: Cluster
    run: ClusterRun
    members: list[ClusterMember]
    next_after: int | None
    outliers: list[ClusterMember]
    pictures: frozenset[int]
    classes: dict[str, float]
    """Shares of the members by their likeliest class."""
    hits: Mapping[str, int]
    """Members that are in a block bank or match an entry of it."""
    shares: list[BankShare]
    sources: Spread
    growth: list[Bar]
    per_hour: bool
    """Whether the bars are hours; days otherwise."""
    history: list[Lineage]
    """Oldest first."""
    actions: list[ClusterAction]
    """Newest first."""
    banks: list[Bank]

    @property
    def has_outliers(self) -> bool:
        """Whether some members lie farther from the rest than others."""
        return any(each.outlier_score > 0 or each.probability < 1 for each in self.outliers)

    @property
    def most(self) -> int:
        """The longest bar."""
        return max([1, *(bar.images for bar in self.growth)])


@dataclass(frozen=True, slots=True)
class ClusterRuns:
    """The runs of an index."""

    done: list[ClusterRun]
    """Newest first."""
    under_way: ClusterRun | None


def read_runs(catalog: Catalog) -> ClusterRuns:
    """Read the runs that are finished, and the one that is under way."""
    done = catalog.cluster_runs.latest(state=RunState.DONE, limit=_RUNS)
    newest = next(iter(catalog.cluster_runs.latest(limit=1)), None)
    return ClusterRuns(done, newest if newest and newest.state is RunState.RUNNING else None)


def read_clusters(
    catalog: Catalog, runs: list[ClusterRun], run: ClusterRun, wanted: ClusterFilter, page: int
) -> ClusterList:
    """Read a page of the clusters of a run, largest first."""
    sizes = catalog.clusters.sizes(run.id)
    steps = _lineage(catalog, run)
    shares: dict[int, list[BankShare]] = {}
    for share in catalog.cluster_reports.bank_shares(run.id):
        shares.setdefault(share.cluster_id, []).append(share)
    ids = [each for each, size in sizes.items() if size >= wanted.least]
    if wanted.bank:
        ids = [each for each in ids if any(s.bank == wanted.bank for s in shares.get(each, []))]
    if wanted.event:
        touched = {
            each
            for step in steps
            if step.event == wanted.event
            for each in (step.cluster_id, step.other_id)
        }
        ids = [each for each in ids if each in touched]
    if wanted.name:
        names, part = catalog.clusters.names(run.id), wanted.name.lower()
        ids = [each for each in ids if part in names[each].lower()]
    ids.sort(key=lambda each: (-sizes[each], each))
    shown = ids[PAGE * (page - 1) : PAGE * page]
    became = catalog.clusters.events(run.id, shown)
    clusters = catalog.clusters.get_many(shown, run.id)
    rows = [ListedCluster(clusters[each], became.get(each), shares.get(each, [])) for each in shown]
    return ClusterList(
        run=run,
        runs=runs,
        not_compared=why_not_compared(catalog, run),
        events=Counter(step.event.value for step in steps if step.event in _CHANGED),
        rows=rows,
        found=len(ids),
        pictures=frozenset(catalog.thumbnails.ids([row.cluster.medoid for row in rows])),
        banks=catalog.banks.all(),
    )


def read_cluster(
    catalog: Catalog, space: Space, cluster_id: int, run_id: int | None, after: int
) -> ClusterPage:
    """Gather what is known of a cluster.

    Raises
    ------
    NotFoundError
        There is no such cluster, or the run does not have it.
    """
    cluster = catalog.clusters.get(cluster_id, run_id)
    run = catalog.cluster_runs.get(cluster.run_id)
    sample = catalog.cluster_members.page(run.id, cluster_id, limit=_SAMPLE)
    members = catalog.cluster_members.page(run.id, cluster_id, after_id=after, limit=PAGE + 1)
    outliers = sorted(sample, key=lambda each: (-each.outlier_score, each.probability))
    kept_from = [each.image_id for each in (*members, *outliers[:_OUTLIERS])]
    now, members_of = datetime.now(UTC), catalog.cluster_members
    classes = members_of.classes(run.id, space.id, cluster_id).get(cluster_id, {})
    growth, per_hour = _growth(catalog, [each.image_id for each in sample])
    return ClusterPage(
        cluster=cluster,
        run=run,
        members=members[:PAGE],
        next_after=members[PAGE - 1].image_id if len(members) > PAGE else None,
        outliers=outliers[:_OUTLIERS],
        pictures=frozenset(catalog.thumbnails.ids([*kept_from, *cluster.exemplars])),
        classes={label: count / sum(classes.values()) for label, count in classes.items()},
        hits=members_of.bank_hits(run.id, now, cluster_id=cluster_id).get(cluster_id, {}),
        shares=catalog.cluster_reports.bank_shares(run.id, cluster_id),
        sources=spread_of(place_of(each.source) if each.source else None for each in sample),
        growth=growth,
        per_hour=per_hour,
        history=catalog.clusters.lineage_of(cluster_id, limit=_MOST),
        actions=catalog.cluster_actions.page(cluster_id, limit=_MOST)[::-1],
        banks=catalog.banks.all(),
    )


def run_of(runs: Sequence[ClusterRun], wanted: int | None) -> ClusterRun:
    """Return the run that is asked for, or the newest.

    Raises
    ------
    NotFoundError
        There is no such run.
    """
    for run in runs:
        if wanted in (None, run.id):
            return run
    raise NotFoundError(f"There is no finished cluster run {wanted} among the last {_RUNS}.")


def by_kind(alerts: Sequence[Alert]) -> dict[AlertKind, list[Alert]]:
    """Group alerts by their kind, hits of banks first."""
    order = (AlertKind.BANK_HIT, AlertKind.GROWTH, AlertKind.DRIFT)
    return {kind: [each for each in alerts if each.kind is kind] for kind in order}


def _lineage(catalog: Catalog, run: ClusterRun) -> list[Lineage]:
    return catalog.clusters.lineage(run.id, limit=2 * run.images + 1) if run.previous_run else []


def _growth(catalog: Catalog, image_ids: Sequence[int]) -> tuple[list[Bar], bool]:
    """Count what was added by the day, or by the hour where all came within two days."""
    added = [image.created_at for image in catalog.images.get_many(image_ids).values()]
    if not added:
        return [], False
    per_hour = (max(added) - min(added)).days < 2  # noqa: PLR2004 -- said above
    whole = {"minute": 0, "second": 0, "microsecond": 0, **({} if per_hour else {"hour": 0})}
    counted = Counter(each.astimezone(UTC).replace(**whole) for each in added)  # type: ignore[arg-type]
    return [Bar(when, images) for when, images in sorted(counted.items())], per_hour
