"""Cluster summaries: size, medoid, exemplars, first and last seen, growth."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from indexer.clustering.exemplars import shape_of
from indexer.clustering.partition import Partition
from indexer.store import FoundCluster, FoundLineage, ScopedVectors
from indexer.types import ClusterRun

_DAY: Final = 86_400.0  # seconds


def summarise(
    scoped: ScopedVectors,
    found: Partition,
    lineage: Sequence[FoundLineage],
    previous: ClusterRun | None,
    on_progress: Callable[[int], None],
) -> list[FoundCluster]:
    """Describe each cluster, in the order of the labels.

    Parameters
    ----------
    scoped : ScopedVectors
    found : Partition
        Of them. Medoid, exemplars and radius are of the images that stand for themselves.
    lineage : sequence of FoundLineage
        Says which identity each label takes over.
    previous : ClusterRun or None
        The run that growth is counted from.
    on_progress : callable
        Called with the number of images described since the last call.
    """
    labels = found.labels
    identities = {step.label: step.cluster_id for step in lineage if step.label is not None}
    order = np.argsort(labels, kind="stable")
    ends = np.searchsorted(labels[order], np.arange(labels.max(initial=-1) + 2))
    clusters = []
    for label, (start, end) in enumerate(pairwise(ends)):
        rows = order[start:end]
        hub = None if found.hubs is None else int(found.hubs[label])
        shown = rows if found.is_apart is None else rows[found.is_apart[rows]]
        shape = shape_of(scoped.vectors, shown, hub)
        added = scoped.added_at[rows]
        clusters.append(
            FoundCluster(
                cluster_id=identities.get(label),
                size=len(rows),
                medoid_id=int(scoped.ids[shape.medoid]),
                medoid=scoped.vectors[shape.medoid],
                exemplars=tuple(scoped.ids[list(shape.exemplars)].tolist()),
                radius=shape.radius,
                max_pair_distance=shape.max_pair_distance,
                first_seen=datetime.fromtimestamp(added.min(), UTC),
                last_seen=datetime.fromtimestamp(added.max(), UTC),
                growth_per_day=_growth(added, previous),
            )
        )
        on_progress(len(rows))
    return clusters


def _growth(added: NDArray[np.float64], previous: ClusterRun | None) -> float:
    """Return how many members came a day since the run before, or since the first of them."""
    now = datetime.now(UTC).timestamp()
    since = previous.created_at.timestamp() if previous else float(added.min())
    return float((added >= since).sum() / max((now - since) / _DAY, 1.0))
