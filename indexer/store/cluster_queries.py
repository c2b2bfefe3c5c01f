"""Reading clusters: runs, what each found, who is in them, what became of them."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, Row, Text, and_, cast, func, select

from indexer.errors import NotFoundError
from indexer.store.entry_conditions import ACTIVE
from indexer.store.models import (
    BankRow,
    ClassificationRow,
    ClusterMemberRow,
    ClusterRow,
    ClusterRunRow,
    EmbeddingRow,
    EntryRow,
    ImageRow,
    LineageRow,
    RunClusterRow,
    SourceRow,
    SpaceRow,
)
from indexer.store.parameters import MAX_ID, chunks
from indexer.store.queries import Queries
from indexer.store.rows import WHOLE
from indexer.store.values import ClusterReach, Membership, ScopedVectors
from indexer.types import (
    Cluster,
    ClusterAlgorithm,
    ClusterMember,
    ClusterRun,
    ClusterScope,
    Keys,
    Lineage,
    LineageEvent,
    RunState,
    Space,
)

_READ_AT_ONCE = 10_000  # rows


class ClusterQueries(Queries):
    """Clusters within one transaction; `Catalog` has the rest."""

    def scoped_vectors(
        self,
        scope: ClusterScope,
        space: Space,
        *,
        on_progress: Callable[[int], None] = lambda _count: None,
    ) -> ScopedVectors:
        """Read the embeddings of the whole first frames of the active images in a scope, by id.

        They go into one array, made for all of them: a run takes little more memory than that.

        Parameters
        ----------
        scope : ClusterScope
        space : Space
        on_progress : callable
            Called with the number of images read since the last call; what it raises ends it.

        Raises
        ------
        NotFoundError
            There is no bank of one of the scope's names.
        """
        return self._read_vectors([*self._in_scope(scope, space)], space, on_progress)

    def scoped_ids(self, scope: ClusterScope, space: Space) -> Keys:
        """Return the ids of the images that `scoped_vectors` reads, ascending.

        Raises
        ------
        NotFoundError
            There is no bank of one of the scope's names.
        """
        statement = (
            select(ImageRow.id)
            .join(EmbeddingRow, _of_space(space))
            .where(*self._in_scope(scope, space))
            .order_by(ImageRow.id)
        )
        return np.fromiter(self._connection.scalars(statement), np.int64)

    def vectors_of(self, image_ids: Keys, space: Space) -> Iterator[ScopedVectors]:
        """Yield the embeddings of the active images among these, some thousands at a time."""
        for chunk in chunks(image_ids.tolist()):
            conditions = [ImageRow.removed_at.is_(None), ImageRow.id.in_(chunk)]
            yield self._read_vectors(conditions, space)

    def _read_vectors(
        self,
        conditions: Sequence[ColumnElement[bool]],
        space: Space,
        on_progress: Callable[[int], None] = lambda _count: None,
    ) -> ScopedVectors:
        of_space = _of_space(space)
        counting = select(func.count()).select_from(ImageRow).join(EmbeddingRow, of_space)
        count = self._connection.scalar(counting.where(*conditions)) or 0
        ids = np.empty(count, np.int64)
        vectors = np.empty((count, space.dimension), np.float32)
        added_at = np.empty(count, np.float64)
        statement = (
            select(ImageRow.id, EmbeddingRow.vector, ImageRow.created_at)
            .join(EmbeddingRow, of_space)
            .where(*conditions)
            .order_by(ImageRow.id)
            .execution_options(yield_per=_READ_AT_ONCE)
        )
        row = 0
        with self._connection.execute(statement) as found:  # closed when progress ends it, too
            for part in found.partitions():
                for image_id, vector, created_at in part:
                    ids[row], vectors[row], added_at[row] = image_id, vector, created_at.timestamp()
                    row += 1
                on_progress(len(part))
        return ScopedVectors(ids, vectors, added_at)

    def cluster_run(self, run_id: int) -> ClusterRun:
        """Return a run.

        Raises
        ------
        NotFoundError
            There is no such run.
        """
        found = self._cluster_runs_where(ClusterRunRow.id == min(run_id, MAX_ID))
        if not found:
            raise NotFoundError(
                f"There is no cluster run {run_id}. `lookalike cluster list` shows them."
            )
        return found[0]

    def cluster_runs(self, *, after_id: int = 0, limit: int = 100) -> list[ClusterRun]:
        """Return a page of the runs, oldest first."""
        return self._cluster_runs_where(ClusterRunRow.id > min(after_id, MAX_ID), limit=limit)

    def newest_cluster_run(
        self,
        space_id: int,
        algorithm: ClusterAlgorithm | None = None,
        scope: ClusterScope | None = None,
        before: int | None = None,
    ) -> ClusterRun | None:
        """Return the newest finished run of a space, of a series where that is named.

        Parameters
        ----------
        space_id : int
        algorithm : ClusterAlgorithm, optional
        scope : ClusterScope, optional
        before : int, optional
            Only runs before this one.
        """
        conditions = [
            ClusterRunRow.space_id == space_id,
            ClusterRunRow.state == RunState.DONE.value,
        ]
        if algorithm is not None:
            conditions.append(ClusterRunRow.algorithm == algorithm.value)
        if before is not None:
            conditions.append(ClusterRunRow.id < before)
        if scope is not None:
            said = json.dumps(scope_columns(scope))  # as it was written, field by field
            conditions.append(cast(ClusterRunRow.scope, Text) == said)
        return next(iter(self._cluster_runs_where(*conditions, newest_first=True, limit=1)), None)

    def membership(self, run_id: int, *, assigned: bool = True) -> Membership:
        """Return which image of a run is in which cluster, by ascending image.

        Parameters
        ----------
        run_id : int
        assigned : bool
            Whether images that were assigned after the run are among them.
        """
        table = ClusterMemberRow
        statement = (
            select(table.image_id, func.coalesce(table.cluster_id, -1), table.probability)
            .where(table.run_id == run_id)
            .order_by(table.image_id)
        )
        if not assigned:
            statement = statement.where(~table.assigned)
        rows = self._connection.execute(statement).all()
        return Membership(
            image_ids=np.array([row[0] for row in rows], np.int64),
            cluster_ids=np.array([row[1] for row in rows], np.int64),
            probabilities=np.array([row[2] for row in rows], np.float64),
        )

    def cluster_name(self, cluster_id: int) -> str:
        """Return the name that a cluster has now.

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

    def cluster_names(self, run_id: int) -> dict[int, str]:
        """Return the names that the clusters of a run have now, by id."""
        statement = (
            select(ClusterRow.id, ClusterRow.name)
            .join(RunClusterRow, RunClusterRow.cluster_id == ClusterRow.id)
            .where(RunClusterRow.run_id == run_id)
        )
        return {row[0]: row[1] for row in self._connection.execute(statement)}

    def cluster_note(self, cluster_id: int) -> str | None:
        """Return what an analyst wrote down about a cluster."""
        statement = select(ClusterRow.note).where(ClusterRow.id == min(cluster_id, MAX_ID))
        note: str | None = self._connection.scalar(statement)
        return note

    def largest_clusters(
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

    def clusters(self, run_id: int, *, after_id: int = 0, limit: int = 100) -> list[Cluster]:
        """Return a page of the clusters of a run, by id."""
        return self._clusters_where(
            RunClusterRow.run_id == run_id,
            RunClusterRow.cluster_id > min(after_id, MAX_ID),
            limit=limit,
        )

    def cluster(self, cluster_id: int, run_id: int | None = None) -> Cluster:
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
        found = self._clusters_where(*conditions, order=newest, limit=1)
        if not found:
            of_run = "" if run_id is None else f" in run {run_id}"
            raise NotFoundError(
                f"There is no cluster {cluster_id}{of_run}. `lookalike cluster show` lists them."
            )
        return found[0]

    def cluster_members(
        self, run_id: int, cluster_id: int | None, *, after_id: int = 0, limit: int = 100
    ) -> list[ClusterMember]:
        """Return a page of the images of a cluster (the noise when None), by image."""
        table = ClusterMemberRow
        statement = (
            select(
                table.image_id,
                table.cluster_id,
                table.probability,
                table.outlier_score,
                table.assigned,
            )
            .where(
                table.run_id == run_id,
                table.cluster_id.is_not_distinct_from(cluster_id),
                table.image_id > min(after_id, MAX_ID),
            )
            .order_by(table.image_id)
            .limit(limit)
        )
        return [ClusterMember(*row) for row in self._connection.execute(statement)]

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

    def cluster_reach(self, run_id: int) -> ClusterReach:
        """Return where the clusters of a run are and how far each reaches."""
        table = RunClusterRow
        statement = (
            select(table.cluster_id, ClusterRow.name, table.medoid, table.radius)
            .join(ClusterRow, ClusterRow.id == table.cluster_id)
            .where(table.run_id == run_id)
            .order_by(table.cluster_id)
        )
        rows = self._connection.execute(statement).all()
        return ClusterReach(
            run_id=run_id,
            cluster_ids=np.array([row.cluster_id for row in rows], np.int64),
            names=tuple(row.name for row in rows),
            medoids=np.array([row.medoid for row in rows], np.float32).reshape(
                len(rows), -1 if rows else 0
            ),
            radii=np.array([row.radius for row in rows], np.float64),
        )

    def _in_scope(self, scope: ClusterScope, space: Space) -> Iterator[ColumnElement[bool]]:
        """Yield the conditions that every image in a scope satisfies."""
        yield ImageRow.removed_at.is_(None)
        if scope.banks:
            yield self._in_banks(scope.banks)
        if scope.since is not None:
            yield ImageRow.created_at >= scope.since
        if scope.until is not None:
            yield ImageRow.created_at < scope.until
        if scope.uploader is not None:
            of_uploader = select(SourceRow.id).where(
                SourceRow.image_id == ImageRow.id,
                SourceRow.uploader == scope.uploader,
                SourceRow.closed_at.is_(None),
            )
            yield of_uploader.exists()
        if scope.label is not None or scope.min_probability is not None:
            yield self._classified(scope, space)

    def _in_banks(self, names: tuple[str, ...]) -> ColumnElement[bool]:
        known = dict(
            self._connection.execute(
                select(BankRow.name, BankRow.id).where(
                    BankRow.name.in_(names), BankRow.removed_at.is_(None)
                )
            ).all()
        )
        if missing := sorted(set(names) - known.keys()):
            raise NotFoundError(
                f"There is no bank {missing[0]}. `lookalike bank list` shows the banks."
            )
        return (
            select(EntryRow.id)
            .where(EntryRow.image_id == ImageRow.id, EntryRow.bank_id.in_(known.values()), ACTIVE)
            .exists()
        )

    def _classified(self, scope: ClusterScope, space: Space) -> ColumnElement[bool]:
        table = ClassificationRow
        statement = select(table.image_id).where(
            table.image_id == ImageRow.id, table.space_id == space.id, table.part == WHOLE
        )
        if scope.label is not None:
            statement = statement.where(table.top_label == scope.label)
        if scope.min_probability is not None:
            labels = [scope.label] if scope.label is not None else list(space.labels)
            most = [table.probabilities[label].as_float() for label in labels]
            enough = [value >= scope.min_probability for value in most]
            condition = enough[0]
            for each in enough[1:]:
                condition = condition | each
            statement = statement.where(condition)
        return statement.exists()

    def _cluster_runs_where(
        self, *conditions: ColumnElement[bool], newest_first: bool = False, limit: int | None = None
    ) -> list[ClusterRun]:
        order = ClusterRunRow.id.desc() if newest_first else ClusterRunRow.id
        statement = (
            select(ClusterRunRow.__table__, SpaceRow.fingerprint.label("model"))
            .join(SpaceRow, SpaceRow.id == ClusterRunRow.space_id)
            .where(*conditions)
            .order_by(order)
            .limit(limit)
        )
        return [_run(row) for row in self._connection.execute(statement)]

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
                ClusterRow.name,
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
        found = []
        for row in self._connection.execute(statement):
            values = dict(row._mapping)  # noqa: SLF001 -- SQLAlchemy's public name
            found.append(Cluster(**values | {"exemplars": tuple(row.exemplars)}))
        return found

    def _lineage_where(
        self, *conditions: ColumnElement[bool], limit: int | None = None
    ) -> list[Lineage]:
        table = LineageRow
        statement = (
            select(
                table.id,
                table.run_id,
                table.event,
                table.cluster_id,
                table.other_id,
                table.shared,
                table.size_before,
                table.size_after,
            )
            .where(*conditions)
            .order_by(table.id)
            .limit(limit)
        )
        return [
            Lineage(**dict(row._mapping) | {"event": LineageEvent(row.event)})  # noqa: SLF001 -- as above
            for row in self._connection.execute(statement)
        ]


def _of_space(space: Space) -> ColumnElement[bool]:
    """Say which embedding is that of an image's whole first frame in a space."""
    return and_(
        EmbeddingRow.image_id == ImageRow.id,
        EmbeddingRow.space_id == space.id,
        EmbeddingRow.part == WHOLE,
    )


def scope_columns(scope: ClusterScope) -> dict[str, Any]:
    """Return a scope as the database keeps it: what narrows it, moments as text."""
    said = {name: value for name, value in asdict(scope).items() if value not in (None, ())}
    return {
        name: value.isoformat() if name in {"since", "until"} else value
        for name, value in said.items()
    }


def _run(row: Row[Any]) -> ClusterRun:
    return ClusterRun(
        id=row.id,
        algorithm=ClusterAlgorithm(row.algorithm),
        parameters=row.parameters,
        scope=_scope(row.scope),
        model=row.model,
        watermark=row.watermark,
        previous_run=row.previous_run_id,
        state=RunState(row.state),
        images=row.images,
        clusters=row.clusters,
        noise=row.noise,
        created_at=row.created_at,
        finished_at=row.finished_at,
    )


def _scope(columns: dict[str, Any]) -> ClusterScope:
    said = dict(columns)
    for name in {"since", "until"} & said.keys():
        said[name] = datetime.fromisoformat(said[name])
    if "banks" in said:
        said["banks"] = tuple(said["banks"])
    return ClusterScope(**said)
