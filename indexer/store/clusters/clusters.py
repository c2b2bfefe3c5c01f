"""Clusters: what each run found, and their lineage."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any, Final

import numpy as np
from sqlalchemy import ColumnElement, Connection, Row, and_, select

from indexer.errors import NotFoundError
from indexer.store.cluster_values import Additions, ClusterReach, NamedMedoid
from indexer.store.clusters.descriptions import ClusterDescriptions
from indexer.store.models import (
    ClusterMemberRow,
    ClusterRow,
    ClusterRunRow,
    LineageRow,
    RunClusterRow,
)
from indexer.store.queries import Queries, from_row, require
from indexer.store.sql_parameters import MAX_ID, chunks, possible_ids
from indexer.types import (
    Cluster,
    Lineage,
    LineageEvent,
)

_YOUNG: Final = timedelta(days=2)


class Clusters(Queries):
    """The clusters within one transaction."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._descriptions = ClusterDescriptions(connection)

    def name(self, cluster_id: int) -> str:
        """Return the name that an analyst gave a cluster, or else `cluster-` and its id.

        Raises
        ------
        NotFoundError
            There is no such cluster.
        """
        statement = select(ClusterRow.name).where(ClusterRow.id == min(cluster_id, MAX_ID))
        name: str | None = self._connection.scalar(statement)
        if name is None:
            raise NotFoundError(
                f"There is no cluster {cluster_id}. `lookalike cluster show` lists them."
            )
        return name

    def label(self, cluster_id: int) -> str | None:
        """Return the name that an analyst gave a cluster, if one did."""
        name = self.name(cluster_id)
        return None if name == f"cluster-{cluster_id}" else name

    def names(self, run_id: int) -> dict[int, str]:
        """Return the names that the clusters of a run have now, by id."""
        return self._descriptions.names(run_id, self.sizes(run_id))

    def note(self, cluster_id: int) -> str | None:
        """Return what an analyst wrote down about a cluster."""
        statement = select(ClusterRow.note).where(ClusterRow.id == min(cluster_id, MAX_ID))
        note: str | None = self._connection.scalar(statement)
        return note

    def get_many(self, cluster_ids: Iterable[int], run_id: int) -> dict[int, Cluster]:
        """Return clusters as a run found them, by id; those that it does not have are left out."""
        table = RunClusterRow
        return {
            cluster.id: cluster
            for chunk in chunks(possible_ids(cluster_ids))
            for cluster in self._clusters_where(
                table.run_id == run_id, table.cluster_id.in_(chunk), limit=len(chunk)
            )
        }

    def largest(
        self, run_id: int, limit: int, after: tuple[int, int] | None = None
    ) -> list[Cluster]:
        """Return the largest clusters of a run, largest first, ties by id.

        Parameters
        ----------
        run_id : int
        limit : int
        after : tuple of int, optional
            Size and id of the last cluster of the page before.
        """
        conditions = [RunClusterRow.run_id == run_id]
        if after is not None:
            size, cluster_id = (min(number, MAX_ID) for number in after)
            conditions.append(
                (RunClusterRow.size < size)
                | ((RunClusterRow.size == size) & (RunClusterRow.cluster_id > cluster_id))
            )
        order = (RunClusterRow.size.desc(), RunClusterRow.cluster_id)
        return self._clusters_where(*conditions, order=order, limit=limit)

    def page(self, run_id: int, *, after_id: int = 0, limit: int = 100) -> list[Cluster]:
        """Return a page of the clusters of a run, by id."""
        return self._clusters_where(
            RunClusterRow.run_id == run_id,
            RunClusterRow.cluster_id > min(after_id, MAX_ID),
            limit=limit,
        )

    def get(self, cluster_id: int, run_id: int | None = None) -> Cluster:
        """Return a cluster as a run found it; as the newest run that has it by default.

        Raises
        ------
        NotFoundError
            There is no such cluster, or the run does not have it.
        """
        conditions = [RunClusterRow.cluster_id == min(cluster_id, MAX_ID)]
        if run_id is not None:
            conditions.append(RunClusterRow.run_id == run_id)
        newest = (RunClusterRow.run_id.desc(),)
        of_run = "" if run_id is None else f" in run {run_id}"
        return require(
            self._clusters_where(*conditions, order=newest, limit=1),
            f"There is no cluster {cluster_id}{of_run}. `lookalike cluster show` lists them.",
        )

    def lineage(self, run_id: int, *, after_id: int = 0, limit: int = 100) -> list[Lineage]:
        """Return a page of what became of the clusters with a run."""
        return self._lineage_where(
            LineageRow.run_id == run_id, LineageRow.id > min(after_id, MAX_ID), limit=limit
        )

    def lineage_of(
        self, cluster_id: int, *, after_id: int = 0, limit: int | None = None
    ) -> list[Lineage]:
        """Return what became of a cluster, and of those that merged into it or split off it."""
        about = (LineageRow.cluster_id == cluster_id) | (LineageRow.other_id == cluster_id)
        return self._lineage_where(about, LineageRow.id > min(after_id, MAX_ID), limit=limit)

    def reach(self, run_id: int) -> ClusterReach:
        """Return where the clusters of a run are and how far each reaches."""
        table = RunClusterRow
        statement = (
            select(table.cluster_id, table.medoid, table.radius)
            .where(table.run_id == run_id)
            .order_by(table.cluster_id)
        )
        rows = self._connection.execute(statement).all()
        names = self.names(run_id)
        return ClusterReach(
            run_id=run_id,
            cluster_ids=np.array([row.cluster_id for row in rows], np.int64),
            names=tuple(names[row.cluster_id] for row in rows),
            medoids=np.array([row.medoid for row in rows], np.float32).reshape(
                len(rows), -1 if rows else 0
            ),
            radii=np.array([row.radius for row in rows], np.float64),
        )

    def of_images(self, run_id: int, image_ids: Iterable[int]) -> dict[int, NamedMedoid]:
        """Return the clusters that images are in, by image; noise is left out."""
        member, table = ClusterMemberRow, RunClusterRow
        statement = (
            select(member.image_id, table.cluster_id, table.medoid)
            .join(
                table,
                and_(table.run_id == member.run_id, table.cluster_id == member.cluster_id),
            )
            .where(member.run_id + 0 == run_id)  # few images, by their index: not the whole run
        )
        rows = [*self._rows(statement, member.image_id, possible_ids(image_ids))]
        names = self._descriptions.names(run_id, (row[1] for row in rows))
        return {row[0]: NamedMedoid(row[1], names[row[1]], row[2]) for row in rows}

    def medoids(self, run_id: int) -> dict[int, int]:
        """Return the clusters of a run by the image that is their medoid."""
        table = RunClusterRow
        statement = select(table.medoid_id, table.cluster_id).where(table.run_id == run_id)
        return {row[0]: row[1] for row in self._connection.execute(statement)}

    def sizes(self, run_id: int) -> dict[int, int]:
        """Return how many members each cluster of a run had when it was found."""
        table = RunClusterRow
        statement = select(table.cluster_id, table.size).where(table.run_id == run_id)
        return {row[0]: row[1] for row in self._connection.execute(statement)}

    def founded(self, run_id: int) -> frozenset[int]:
        """Return the clusters that a run got after its end, of images that were added since."""
        statement = (
            select(RunClusterRow.cluster_id)
            .join(ClusterRow, ClusterRow.id == RunClusterRow.cluster_id)
            .join(ClusterRunRow, ClusterRunRow.id == RunClusterRow.run_id)
            .where(
                RunClusterRow.run_id == run_id, ClusterRow.created_at > ClusterRunRow.finished_at
            )
        )
        return frozenset(self._connection.scalars(statement))

    def lineage_names(self, run_id: int) -> dict[int, str]:
        """Return the names of all clusters that the lineage of a run tells of."""
        table = LineageRow
        told = select(table.cluster_id, table.other_id).where(table.run_id == run_id)
        ids = {number for row in self._connection.execute(told) for number in row if number}
        before = select(ClusterRunRow.previous_run_id).where(ClusterRunRow.id == run_id)
        previous = self._connection.scalar(before)
        gone = self._descriptions.names(previous, ids) if previous else {}
        return gone | self._descriptions.names(run_id, ids)

    def events(self, run_id: int, cluster_ids: Iterable[int]) -> dict[int, Lineage]:
        """Return what became of clusters that a run found, by id."""
        table = LineageRow
        of_run = (table.run_id == run_id, table.event != LineageEvent.MERGED.value)
        return {
            step.cluster_id: step
            for chunk in chunks(possible_ids(cluster_ids))
            for step in self._lineage_where(*of_run, table.cluster_id.in_(chunk))
        }

    def _clusters_where(
        self,
        *conditions: ColumnElement[bool],
        order: Sequence[Any] = (),
        limit: int,
    ) -> list[Cluster]:
        table = RunClusterRow
        statement = (
            select(
                table.cluster_id.label("id"),
                table.run_id,
                ClusterRow.note,
                table.size,
                table.medoid_id.label("medoid"),
                table.exemplars,
                table.radius,
                table.max_pair_distance,
                table.first_seen,
                table.last_seen,
                table.growth_per_day,
            )
            .join(ClusterRow, ClusterRow.id == table.cluster_id)
            .where(*conditions)
            .order_by(*order, table.cluster_id)
            .limit(limit)
        )
        rows = self._connection.execute(statement).all()
        by_run: dict[int, list[int]] = {}
        for row in rows:
            by_run.setdefault(row.run_id, []).append(row.id)
        described = {run: self._descriptions.of(run, ids) for run, ids in by_run.items()}
        return [
            from_row(
                Cluster,
                row,
                name=described[row.run_id][row.id].name,
                top_class=described[row.run_id][row.id].top_class,
                top_source=described[row.run_id][row.id].top_source,
                exemplars=tuple(row.exemplars),
                growth_per_hour=_per_hour(row),
            )
            for row in rows
        ]

    def _lineage_where(
        self, *conditions: ColumnElement[bool], limit: int | None = None
    ) -> list[Lineage]:
        table = LineageRow
        statement = select(table.__table__).where(*conditions).order_by(table.id).limit(limit)
        return [
            from_row(Lineage, row, event=LineageEvent(row.event))
            for row in self._connection.execute(statement)
        ]


def _per_hour(row: Row[*tuple[Any, ...]]) -> float | None:
    """Return how fast a cluster grew whose members came within two days."""
    if row.last_seen - row.first_seen >= _YOUNG:
        return None
    return Additions(row.size, row.first_seen, row.last_seen).per_hour
