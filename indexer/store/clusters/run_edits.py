"""Cluster runs: beginning and ending them, and writing what they found."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select, update

from indexer.errors import RunUnderWay
from indexer.store.cluster_values import FoundCluster, FoundLineage, FoundMembers
from indexer.store.clusters.runs import ClusterRuns, scope_columns
from indexer.store.edits import Edits
from indexer.store.models import (
    ClusterMemberRow,
    ClusterRow,
    ClusterRunRow,
    LineageRow,
    RunClusterRow,
)
from indexer.store.sql_parameters import chunks
from indexer.types import ClusterAlgorithm, ClusterRun, ClusterScope, RunState


class ClusterRunEdits(ClusterRuns, Edits):
    """The cluster runs within a writing transaction."""

    def begin(
        self,
        algorithm: ClusterAlgorithm,
        parameters: dict[str, Any],
        scope: ClusterScope,
        space_id: int,
    ) -> ClusterRun:
        """Begin a run of what the log holds now; it continues the newest of its series.

        Whoever calls this holds `Store.clustering`: what is running still was cut off, and failed.
        """
        cut_off = {"state": RunState.FAILED.value, "finished_at": self._now}
        running = ClusterRunRow.state == RunState.RUNNING.value
        self._connection.execute(update(ClusterRunRow).where(running).values(cut_off))
        previous = self.newest(space_id, algorithm, scope)
        row = {
            "algorithm": algorithm.value,
            "parameters": parameters,
            "scope": scope_columns(scope),
            "space_id": space_id,
            "watermark": self._log.head(),
            "previous_run_id": previous.id if previous else None,
            "state": RunState.RUNNING.value,
            "images": 0,
            "clusters": 0,
            "noise": 0,
            "created_at": self._now,
            "finished_at": None,
        }
        return self.get(self._insert_one(ClusterRunRow, row))

    def end(self, run_id: int, state: RunState) -> ClusterRun:
        """Say how a run ended that found nothing, if nobody said so before.

        Raises
        ------
        NotFoundError
            There is no such run.
        """
        values = {"state": state.value, "finished_at": self._now}
        running = (ClusterRunRow.id == run_id, ClusterRunRow.state == RunState.RUNNING.value)
        self._connection.execute(update(ClusterRunRow).where(*running).values(values))
        return self.get(run_id)

    def finish(
        self,
        run_id: int,
        clusters: Sequence[FoundCluster],
        members: FoundMembers,
        lineage: Sequence[FoundLineage],
    ) -> ClusterRun:
        """Write down what a run found; clusters without an identity get one, and a name.

        A run that was cancelled meanwhile stays so, and nothing of it is written down.

        Parameters
        ----------
        run_id : int
        clusters : sequence of FoundCluster
            Item i is the cluster of label i.
        members : FoundMembers
            Every image of the run, noise included.
        lineage : sequence of FoundLineage

        Raises
        ------
        RunUnderWay
            The run is over already: another program took it for cut off.
        """
        run = self.get(run_id)
        if run.state is RunState.CANCELLED:
            return run
        if run.state is not RunState.RUNNING:
            raise RunUnderWay(
                f"Cluster run {run_id} was given up: its connection was lost, and another "
                "run began. Wait until that one is done: `lookalike cluster list` shows it."
            )
        ids = [
            cluster.cluster_id if cluster.cluster_id is not None else self._new_cluster()
            for cluster in clusters
        ]
        self._insert(
            RunClusterRow,
            [
                {
                    "run_id": run_id,
                    "cluster_id": cluster_id,
                    "size": cluster.size,
                    "medoid_id": cluster.medoid_id,
                    "exemplars": list(cluster.exemplars),
                    "radius": cluster.radius,
                    "max_pair_distance": cluster.max_pair_distance,
                    "medoid": cluster.medoid,
                    "first_seen": cluster.first_seen,
                    "last_seen": cluster.last_seen,
                    "growth_per_day": cluster.growth_per_day,
                }
                for cluster_id, cluster in zip(ids, clusters, strict=True)
            ],
        )
        self._insert_members(run_id, ids, members)
        self._insert(
            LineageRow,
            [
                {
                    "run_id": run_id,
                    "event": step.event.value,
                    "cluster_id": ids[step.label] if step.label is not None else step.cluster_id,
                    "other_id": (
                        ids[step.other_label] if step.other_label is not None else step.other_id
                    ),
                    "shared": step.shared,
                    "size_before": step.size_before,
                    "size_after": step.size_after,
                }
                for step in lineage
            ],
        )
        values = {
            "state": RunState.DONE.value,
            "images": len(members.image_ids),
            "clusters": len(clusters),
            "noise": int((members.labels < 0).sum()),
            "finished_at": datetime.now(UTC),
        }
        self._connection.execute(
            update(ClusterRunRow).where(ClusterRunRow.id == run_id).values(values)
        )
        return self.get(run_id)

    def assign(self, run_id: int, members: FoundMembers) -> int:
        """Add images to the clusters of a finished run; return how many joined one.

        The labels of `members` are ids of clusters here. Images that the run knows stay as they
        are; those that fit no cluster are not written down, so that they are looked at again.
        """
        known = set(
            self._connection.scalars(
                select(ClusterMemberRow.image_id).where(
                    ClusterMemberRow.run_id == run_id,
                    ClusterMemberRow.image_id >= int(members.image_ids.min(initial=0)),
                )
            )
        )
        rows = [
            {
                "run_id": run_id,
                "image_id": image_id,
                "cluster_id": cluster_id,
                "probability": probability,
                "outlier_score": score,
                "assigned": True,
            }
            for image_id, cluster_id, probability, score in members.rows()
            if cluster_id >= 0 and image_id not in known
        ]
        self._insert(ClusterMemberRow, rows)
        return len(rows)

    def _new_cluster(self) -> int:
        number = (self._connection.scalar(select(func.max(ClusterRow.id))) or 0) + 1
        row = {"name": f"cluster-{number}", "note": None, "created_at": self._now}
        return self._insert_one(ClusterRow, row)

    def _insert_members(self, run_id: int, ids: Sequence[int], members: FoundMembers) -> None:
        rows = (
            {
                "run_id": run_id,
                "image_id": image_id,
                "cluster_id": ids[label] if label >= 0 else None,
                "probability": probability,
                "outlier_score": score,
                "assigned": False,
            }
            for image_id, label, probability, score in members.rows()
        )
        for batch in chunks(rows):
            self._insert(ClusterMemberRow, batch)
