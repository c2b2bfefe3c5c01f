"""Cluster runs: beginning and ending them, and writing what they found."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
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
from indexer.types import ClusterAlgorithm, ClusterRun, ClusterScope, LineageEvent, RunState


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
        new = iter(self._new_clusters(sum(cluster.cluster_id is None for cluster in clusters)))
        ids = [
            cluster.cluster_id if cluster.cluster_id is not None else next(new)
            for cluster in clusters
        ]
        self._insert_clusters(run_id, ids, clusters)
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
        known = self._clusters_of(run_id, members.image_ids.tolist())
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

    def found(
        self, run_id: int, clusters: Sequence[FoundCluster], members: FoundMembers
    ) -> list[int]:
        """Add clusters to a finished run, as if it had found them; return their ids.

        They are new ones, of images that the run does not know and of images that it knows as
        noise; those that are in a cluster by now stay there.

        Parameters
        ----------
        run_id : int
        clusters : sequence of FoundCluster
            Item i is the cluster of label i.
        members : FoundMembers
            Their members, without noise.
        """
        if not clusters:
            return []
        ids = self._new_clusters(len(clusters))
        self._insert_clusters(run_id, ids, clusters)
        known = self._clusters_of(run_id, members.image_ids.tolist())
        noise = {image_id for image_id, cluster_id in known.items() if cluster_id is None}
        new = np.array([image_id not in known for image_id in members.image_ids.tolist()], np.bool_)
        for image_id, label, probability, score in members.rows():
            if image_id in noise:
                values = {
                    "cluster_id": ids[label],
                    "probability": probability,
                    "outlier_score": score,
                }
                table = ClusterMemberRow
                row = (table.run_id == run_id, table.image_id == image_id)
                self._connection.execute(update(table).where(*row).values(values))
        added = FoundMembers(
            members.image_ids[new],
            members.labels[new],
            members.probabilities[new],
            members.outlier_scores[new],
        )
        self._insert_members(run_id, ids, added)
        self._insert(
            LineageRow,
            [
                {
                    "run_id": run_id,
                    "event": LineageEvent.NEW.value,
                    "cluster_id": cluster_id,
                    "other_id": None,
                    "shared": 0,
                    "size_before": 0,
                    "size_after": cluster.size,
                }
                for cluster_id, cluster in zip(ids, clusters, strict=True)
            ],
        )
        counts = {
            "images": ClusterRunRow.images + int(new.sum()),
            "clusters": ClusterRunRow.clusters + len(clusters),
            "noise": ClusterRunRow.noise - len(noise),
        }
        self._connection.execute(
            update(ClusterRunRow).where(ClusterRunRow.id == run_id).values(counts)
        )
        return ids

    def _clusters_of(self, run_id: int, image_ids: Sequence[int]) -> dict[int, int | None]:
        """Return the clusters of those images that a run knows."""
        table = ClusterMemberRow
        statement = select(table.image_id, table.cluster_id).where(table.run_id == run_id)
        return {row[0]: row[1] for row in self._rows(statement, table.image_id, image_ids)}

    def _insert_clusters(
        self, run_id: int, ids: Sequence[int], clusters: Sequence[FoundCluster]
    ) -> None:
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

    def _new_clusters(self, count: int) -> list[int]:
        """Give new clusters an id and a name each; the log's lock keeps others out."""
        last = self._connection.scalar(select(func.max(ClusterRow.id))) or 0
        names = (f"cluster-{last + number}" for number in range(1, count + 1))
        row = {"note": None, "created_at": self._now}
        self._insert(ClusterRow, [{"name": name, **row} for name in names])
        statement = select(ClusterRow.id).where(ClusterRow.id > last).order_by(ClusterRow.id)
        return list(self._connection.scalars(statement))

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
