"""Urgency of clusters: the order in which a report tells of them."""

from indexer.reports.report_tree import ClusterReport
from indexer.types import BankKind, LineageEvent, Tier

_FOUND = frozenset({Tier.EXACT, Tier.NEAR_DUPLICATE, Tier.LOOKALIKE})


def urgency(
    cluster: ClusterReport, *, is_compared: bool = True
) -> tuple[int, int, float, int, int]:
    """Return what clusters are sorted by, the most urgent first.

    First come those that a block bank knows and that have grown, then the others that one knows,
    then all others; each by the images that joined since the run before, the growth a day, the
    size and the id. Where the run before had other parameters, and so is not compared, nothing
    counts as joined.
    """
    joined = _joined(cluster) if is_compared else 0
    group = (0 if joined > 0 else 1) if _is_known(cluster) else 2
    return group, -joined, -cluster.growth_per_day, -cluster.size, cluster.id


def _is_known(cluster: ClusterReport) -> bool:
    """Return whether a block bank holds a member, or something that its medoid matches."""
    return any(hit.kind == BankKind.BLOCK for hit in cluster.banks) or any(
        near.tier in _FOUND for near in cluster.nearest_entries
    )


def _joined(cluster: ClusterReport) -> int:
    """Return the images by which it is larger than in the run before; 0 in the first run."""
    if cluster.event is None or cluster.event is LineageEvent.GONE:
        return 0
    return max(0, cluster.size - (cluster.size_before or 0))
