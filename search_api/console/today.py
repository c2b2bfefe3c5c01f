"""Today: what waits for a person, and the index in short."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from indexer.store import AuditQuery, BankShare, Catalog, Sizes
from indexer.types import (
    AuditEntry,
    BankKind,
    Cluster,
    ClusterRun,
    Exposure,
    Flood,
    FloodState,
    Person,
    RetroScan,
    ReviewQueue,
    Space,
)

_MOST: Final = 8
"""Rows of each list: the rest is a click away."""
_DECISIONS: Final = AuditQuery(action="decision.", newest_first=True)


@dataclass(frozen=True, slots=True)
class TouchingCluster:
    """A cluster of the newest run that holds images of a block bank."""

    cluster: Cluster
    share: BankShare


@dataclass(frozen=True, slots=True)
class Today:
    """What waits, in one transaction."""

    sizes: Sizes
    changes: int
    """The number of the last change."""
    space: Space | None
    floods: list[Flood]
    last_scan: RetroScan | None
    run: ClusterRun | None
    clusters: list[TouchingCluster]
    decisions: list[AuditEntry]
    """The latest decisions, newest first."""
    empty_banks: list[str]
    exposure: Exposure
    """What the reader saw without a veil since midnight, UTC."""
    decided: int
    """What the reader decided in reviews since then."""
    queues: list[ReviewQueue]
    """What waits, oldest first."""

    @property
    def waiting(self) -> int:
        """How many items wait for a decision."""
        return sum(queue.open for queue in self.queues)

    @property
    def failed(self) -> dict[str, int]:
        """Quarantined files by reason, most first."""
        codes = self.sizes.quarantined_by_code
        return dict(sorted(codes.items(), key=lambda item: -item[1]))


def midnight() -> datetime:
    """Return when the day began, in UTC."""
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def read_today(catalog: Catalog, person: Person) -> Today:
    """Read what waits, and what a person saw today."""
    now = datetime.now(UTC)
    since = midnight()
    space = catalog.spaces.active()
    run = catalog.cluster_runs.newest(space.id) if space else None
    return Today(
        sizes=catalog.gauges.sizes(),
        changes=catalog.log.head(),
        space=space,
        floods=catalog.floods.page(state=FloodState.OPEN, after_id=0, limit=_MOST),
        last_scan=catalog.retro_scans.newest(),
        run=run,
        clusters=_touching(catalog, run) if run else [],
        decisions=[row.shown() for row in catalog.audit.page(_DECISIONS, limit=_MOST)],
        empty_banks=[bank.name for bank in catalog.banks.all() if not bank.entry_count],
        exposure=catalog.reveals.exposure(person.id, since),
        decided=catalog.reviews.decided_by(person.id, since),
        queues=sorted(catalog.reviews.queues(now), key=lambda queue: queue.oldest_at),
    )


def _touching(catalog: Catalog, run: ClusterRun) -> list[TouchingCluster]:
    shares = [each for each in catalog.cluster_reports.bank_shares(run.id) if each.cluster_id]
    accusing = [each for each in shares if each.kind is BankKind.BLOCK][:_MOST]
    clusters = catalog.clusters.get_many([each.cluster_id for each in accusing], run.id)
    return [TouchingCluster(clusters[each.cluster_id], each) for each in accusing]
