"""Cluster reports: all members of a run, in a handful of statements."""

from collections.abc import Iterator
from datetime import datetime

import numpy as np
from sqlalchemy import and_, func, select

from indexer.store.banks.conditions import IN_FORCE
from indexer.store.cluster_values import BankShare, EntryVectors, MemberPart
from indexer.store.clusters.run_images import images_of_run
from indexer.store.clusters.runs import ClusterRuns
from indexer.store.clusters.whole_vectors import WholeVectors
from indexer.store.images.rows import WHOLE
from indexer.store.models import (
    BankRow,
    ClassificationRow,
    ClusterMemberRow,
    EmbeddingRow,
    EntryRow,
    ImageRow,
    SourceRow,
)
from indexer.store.queries import Queries
from indexer.store.sql_parameters import MAX_ID
from indexer.types import BankKind, Space

_MEMBERS_AT_ONCE = 10_000
_ENTRIES_AT_ONCE = 2_000


class ClusterReports(Queries):
    """What a cluster report says, within one transaction."""

    def dimension(self, run_id: int, space: Space) -> int:
        """Return the length of the vectors that `members` gives."""
        return self._source(run_id, space).dimension

    def members(self, run_id: int, space: Space) -> Iterator[MemberPart]:
        """Yield the images of a run that are still there with their vectors, by id, part by part.

        Parameters
        ----------
        run_id : int
        space : Space
            The one that the run was made in. The vectors are those that it clustered.
        """
        table, source = ClusterMemberRow, self._source(run_id, space)
        statement = (
            images_of_run(
                run_id,
                space,
                table.image_id,
                func.coalesce(table.cluster_id, -1).label("cluster_id"),
                table.probability,
                table.outlier_score,
                table.assigned,
                ImageRow.created_at,
                source.table.vector,
                ClassificationRow.top_label,
            )
            .join(*source.join)
            .execution_options(yield_per=_MEMBERS_AT_ONCE)
        )
        for rows in self._connection.execute(statement).partitions():
            yield MemberPart(
                image_ids=np.array([row.image_id for row in rows], np.int64),
                cluster_ids=np.array([row.cluster_id for row in rows], np.int64),
                probabilities=np.array([row.probability for row in rows], np.float64),
                outlier_scores=np.array([row.outlier_score for row in rows], np.float64),
                assigned=np.array([row.assigned for row in rows], np.bool_),
                added_at=tuple(row.created_at for row in rows),
                vectors=np.array([row.vector for row in rows], np.float32),
                labels=tuple(row.top_label for row in rows),
            )

    def _source(self, run_id: int, space: Space) -> WholeVectors:
        """Return where the vectors are that a run of a space clustered."""
        runs = ClusterRuns(self._connection)
        return WholeVectors.of(space, runs.semantic_space(runs.get(run_id)))

    def sources(self, run_id: int) -> dict[int, tuple[str, str | None]]:
        """Return the URI of the newest open source of each image of a run, and who sent it last."""
        statement = (
            select(SourceRow.image_id, SourceRow.uri, SourceRow.uploader)
            .join(ClusterMemberRow, ClusterMemberRow.image_id == SourceRow.image_id)
            .where(ClusterMemberRow.run_id == run_id, SourceRow.closed_at.is_(None))
            .order_by(SourceRow.id)
        )
        found: dict[int, tuple[str, str | None]] = {}
        for image_id, uri, uploader in self._connection.execute(statement):
            found[image_id] = uri, uploader or found.get(image_id, (uri, None))[1]
        return found

    def bank_shares(self, run_id: int, cluster_id: int | None = None) -> list[BankShare]:
        """Return which banks hold how many members of which clusters, or of one, the most first."""
        members = func.count(func.distinct(EntryRow.image_id))
        statement = (
            select(
                func.coalesce(ClusterMemberRow.cluster_id, 0),
                BankRow.name,
                BankRow.kind,
                BankRow.severity,
                members,
            )
            .join(EntryRow, EntryRow.image_id == ClusterMemberRow.image_id)
            .join(BankRow, BankRow.id == EntryRow.bank_id)
            .where(
                ClusterMemberRow.run_id == run_id,
                ClusterMemberRow.cluster_id.is_not(None)
                if cluster_id is None
                else ClusterMemberRow.cluster_id == min(cluster_id, MAX_ID),
                EntryRow.removed_at.is_(None),
                BankRow.removed_at.is_(None),
            )
            .group_by(ClusterMemberRow.cluster_id, BankRow.id)
            .order_by(ClusterMemberRow.cluster_id, members.desc(), BankRow.name)
        )
        return [
            BankShare(cluster, bank, BankKind(kind), severity, count)
            for cluster, bank, kind, severity, count in self._connection.execute(statement)
        ]

    def block_entries(self, space: Space, at: datetime) -> Iterator[EntryVectors]:
        """Yield the entries of block banks that count at a moment and have a vector, in parts."""
        statement = (
            select(EntryRow.id, BankRow.name, EntryRow.image_id, EmbeddingRow.vector)
            .join(BankRow, BankRow.id == EntryRow.bank_id)
            .join(ImageRow, ImageRow.id == EntryRow.image_id)
            .join(
                EmbeddingRow,
                and_(
                    EmbeddingRow.image_id == EntryRow.image_id,
                    EmbeddingRow.space_id == space.id,
                    EmbeddingRow.part == WHOLE,
                ),
            )
            .where(BankRow.kind == BankKind.BLOCK.value, ImageRow.removed_at.is_(None), IN_FORCE)
            .order_by(EntryRow.id)
            .execution_options(yield_per=_ENTRIES_AT_ONCE)
        )
        for rows in self._connection.execute(statement, {"at": at}).partitions():
            yield EntryVectors(
                entry_ids=np.array([row[0] for row in rows], np.int64),
                banks=tuple(row[1] for row in rows),
                image_ids=np.array([row[2] for row in rows], np.int64),
                vectors=np.array([row[3] for row in rows], np.float32),
            )
