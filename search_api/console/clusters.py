"""Clusters as their pages show them: the newest run, and one cluster of it."""

from dataclasses import dataclass
from typing import Final

from indexer.store import BankShare, Catalog
from indexer.types import (
    Bank,
    Cluster,
    ClusterAction,
    ClusterMember,
    ClusterRun,
    Lineage,
    LineageEvent,
    Space,
)

PAGE: Final = 60
_MOST: Final = 50  # rows of a history
_NEWS: Final = (
    LineageEvent.NEW,
    LineageEvent.GROWN,
    LineageEvent.MERGED,
    LineageEvent.SPLIT,
    LineageEvent.CONTINUED,
    LineageEvent.GONE,
)
"""What changed, the most urgent first."""


@dataclass(frozen=True, slots=True)
class ShownCluster:
    """A cluster of a run, with what became of it and the banks that hold some of it."""

    cluster: Cluster
    event: Lineage | None
    shares: list[BankShare]


@dataclass(frozen=True, slots=True)
class RunPage:
    """A run and a page of its clusters: what changed first, then by size."""

    run: ClusterRun | None
    clusters: list[ShownCluster]
    pictures: frozenset[int]
    next_after: tuple[int, int] | None
    """Size and id of the last cluster of the page."""


@dataclass(frozen=True, slots=True)
class ClusterPage:
    """A cluster with a page of its members."""

    cluster: Cluster
    run: ClusterRun
    members: list[ClusterMember]
    next_after: int | None
    pictures: frozenset[int]
    shares: list[BankShare]
    lineage: list[Lineage]
    actions: list[ClusterAction]
    """Newest first."""
    banks: list[Bank]


def read_run(catalog: Catalog, space: Space, after: tuple[int, int] | None) -> RunPage:
    """Read the newest run with its largest clusters."""
    run = catalog.cluster_runs.newest(space.id)
    if run is None:
        return RunPage(None, [], frozenset(), None)
    found = catalog.clusters.largest(run.id, PAGE + 1, after)
    rows = found[:PAGE]
    events = catalog.clusters.events(run.id, [row.id for row in rows])
    shares = _shares(catalog, run.id)
    shown = [ShownCluster(row, events.get(row.id), shares.get(row.id, [])) for row in rows]
    exemplars = {image for row in rows for image in row.exemplars[:4]}
    return RunPage(
        run=run,
        clusters=sorted(shown, key=_urgency),
        pictures=frozenset(catalog.thumbnails.ids(exemplars)),
        next_after=(rows[-1].size, rows[-1].id) if len(found) > PAGE else None,
    )


def read_cluster(catalog: Catalog, cluster_id: int, after: int) -> ClusterPage:
    """Read a cluster as the newest run that has it found it.

    Raises
    ------
    NotFoundError
        There is no such cluster.
    """
    cluster = catalog.clusters.get(cluster_id)
    found = catalog.cluster_members.page(cluster.run_id, cluster_id, after_id=after, limit=PAGE + 1)
    members = found[:PAGE]
    shown = {*cluster.exemplars, *(member.image_id for member in members)}
    actions = catalog.cluster_actions.page(cluster_id, after_id=0, limit=1000)
    return ClusterPage(
        cluster=cluster,
        run=catalog.cluster_runs.get(cluster.run_id),
        members=members,
        next_after=members[-1].image_id if len(found) > PAGE else None,
        pictures=frozenset(catalog.thumbnails.ids(shown)),
        shares=_shares(catalog, cluster.run_id).get(cluster_id, []),
        lineage=catalog.clusters.lineage_of(cluster_id, limit=_MOST),
        actions=actions[::-1][:_MOST],
        banks=catalog.banks.all(),
    )


def _urgency(shown: ShownCluster) -> tuple[bool, int, int]:
    event = shown.event.event if shown.event else LineageEvent.CONTINUED
    return not shown.shares, _NEWS.index(event), -shown.cluster.size


def _shares(catalog: Catalog, run_id: int) -> dict[int, list[BankShare]]:
    found: dict[int, list[BankShare]] = {}
    for share in catalog.cluster_reports.bank_shares(run_id):
        found.setdefault(share.cluster_id, []).append(share)
    return found
