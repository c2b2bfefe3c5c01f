"""Cluster members, and how they change from run to run."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime

import numpy as np
from sqlalchemy import ColumnElement, Row, Select, func, or_, select

from indexer.store.cluster_values import Additions, Membership
from indexer.store.images.rows import WHOLE
from indexer.store.models import (
    BankRow,
    ClassificationRow,
    ClusterMemberRow,
    EntryRow,
    ImageRow,
    RetroMatchRow,
    SourceRow,
)
from indexer.store.queries import Queries
from indexer.store.sql_parameters import MAX_ID
from indexer.types import BankKind, ClusterMember, Keys


class ClusterMembers(Queries):
    """The members of clusters within one transaction."""

    def membership(self, run_id: int, *, assigned: bool = True) -> Membership:
        """Return which image of a run is in which cluster, by ascending image.

        Parameters
        ----------
        run_id : int
        assigned : bool
            Whether images that were assigned after the run are among them.
        """
        statement = _members_of(run_id).order_by(ClusterMemberRow.image_id)
        if not assigned:
            statement = statement.where(~ClusterMemberRow.assigned)
        return _membership(self._connection.execute(statement).all())

    def membership_of(self, run_id: int, image_ids: Keys) -> Membership:
        """Return what `membership` says of some images; those that it does not know are left out.

        Parameters
        ----------
        run_id : int
        image_ids : ndarray of shape (m,), int64
            In any order, each once.
        """
        statement = _members_of(run_id).order_by(ClusterMemberRow.image_id)
        ids = np.sort(image_ids).tolist()
        return _membership([*self._rows(statement, ClusterMemberRow.image_id, ids)])

    def count(self, run_id: int) -> int:
        """Return how many images a run knows, those that were assigned after it among them."""
        return self._count(ClusterMemberRow, ClusterMemberRow.run_id == run_id)

    def page(
        self, run_id: int, cluster_id: int | None, *, after_id: int = 0, limit: int = 100
    ) -> list[ClusterMember]:
        """Return a page of the images of a cluster (the noise when None), by image."""
        table = ClusterMemberRow
        source = (
            select(SourceRow.uri)
            .where(SourceRow.image_id == table.image_id, SourceRow.closed_at.is_(None))
            .order_by(SourceRow.id.desc())
            .limit(1)
            .scalar_subquery()
        )
        # not IS NOT DISTINCT FROM, for which Postgres uses no index
        is_member = (
            table.cluster_id.is_(None) if cluster_id is None else table.cluster_id == cluster_id
        )
        statement = (
            select(
                table.image_id,
                table.cluster_id,
                table.probability,
                table.outlier_score,
                table.assigned,
                source,
            )
            .where(
                table.run_id == run_id,
                is_member,
                table.image_id > min(after_id, MAX_ID),
            )
            .order_by(table.image_id)
            .limit(limit)
        )
        return [ClusterMember(*row) for row in self._connection.execute(statement)]

    def joined(self, run_id: int) -> dict[int, int]:
        """Return how many images joined each cluster of a run after it was found."""
        table = ClusterMemberRow
        statement = (
            select(table.cluster_id, func.count())
            .where(table.run_id == run_id, table.assigned)
            .group_by(table.cluster_id)
        )
        rows = self._connection.execute(statement)
        return {cluster_id: count for cluster_id, count in rows if cluster_id is not None}

    def additions(self, run_id: int, since: datetime) -> dict[int, Additions]:
        """Return how many members of each cluster of a run were added since, and when."""
        member, added = ClusterMemberRow, ImageRow.created_at
        statement = (
            select(member.cluster_id, func.count(), func.min(added), func.max(added))
            .join(ImageRow, ImageRow.id == member.image_id)
            .where(member.run_id == run_id, added >= since)
            .group_by(member.cluster_id)
        )
        rows = self._connection.execute(statement)
        return {row[0]: Additions(*row[1:]) for row in rows if row[0] is not None}

    def bank_hits(
        self, run_id: int, at: datetime, *, assigned: bool = True, cluster_id: int | None = None
    ) -> dict[int, dict[str, int]]:
        """Return which block banks the members of each cluster of a run hit at a moment.

        A member hits a bank as an image that is an entry of it, or by a match with an entry of it
        that a retro-scan has listed.

        Parameters
        ----------
        run_id : int
        at : datetime
            Entries, and matches, that were there then.
        assigned : bool
            Whether images that were assigned after the run count.
        cluster_id : int, optional
            Only this cluster.

        Returns
        -------
        dict of int to dict of str to int
            Members that hit it, by cluster and bank.
        """
        hits: dict[int, dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
        wanted = [ClusterMemberRow.run_id == run_id, *_of_cluster(cluster_id)]
        if not assigned:
            wanted.append(~ClusterMemberRow.assigned)
        for cluster, bank, image_id in self._hits(wanted, at):
            hits[cluster][bank].add(image_id)
        return {
            cluster: {bank: len(images) for bank, images in banks.items()}
            for cluster, banks in hits.items()
        }

    def classes(
        self, run_id: int, space_id: int, cluster_id: int | None = None
    ) -> dict[int, dict[str, int]]:
        """Return how many members of each cluster of a run, or of one, are likeliest of a class."""
        member, classified = ClusterMemberRow, ClassificationRow
        statement = (
            select(member.cluster_id, classified.top_label, func.count())
            .join(classified, classified.image_id == member.image_id)
            .where(
                member.run_id == run_id,
                ~member.assigned,
                classified.space_id == space_id,
                classified.part == WHOLE,
                *_of_cluster(cluster_id),
            )
            .group_by(member.cluster_id, classified.top_label)
        )
        classes: dict[int, dict[str, int]] = defaultdict(dict)
        for cluster, label, count in self._connection.execute(statement):
            if cluster is not None:
                classes[cluster][label] = count
        return dict(classes)

    def _hits(
        self, wanted: Sequence[ColumnElement[bool]], at: datetime
    ) -> Iterator[tuple[int, str, int]]:
        """Yield cluster, bank and member of each hit of some members; one may come twice."""
        member = ClusterMemberRow
        of_run: tuple[ColumnElement[bool], ...] = (
            *wanted,
            BankRow.kind == BankKind.BLOCK.value,
            EntryRow.created_at <= at,
            or_(EntryRow.removed_at.is_(None), EntryRow.removed_at > at),
        )
        columns = (member.cluster_id, BankRow.name, member.image_id)
        entered = (
            select(*columns)
            .join(EntryRow, EntryRow.image_id == member.image_id)
            .join(BankRow, BankRow.id == EntryRow.bank_id)
            .where(*of_run)
        )
        listed = (
            select(*columns)
            .join(RetroMatchRow, RetroMatchRow.image_id == member.image_id)
            .join(EntryRow, EntryRow.id == RetroMatchRow.entry_id)
            .join(BankRow, BankRow.id == EntryRow.bank_id)
            .where(*of_run, RetroMatchRow.created_at <= at)
        )
        for statement in (entered, listed):
            for row in self._connection.execute(statement):
                if row[0] is not None:
                    yield row[0], row[1], row[2]


def _of_cluster(cluster_id: int | None) -> list[ColumnElement[bool]]:
    """Return what holds for members of a cluster; nothing for those of all."""
    return [] if cluster_id is None else [ClusterMemberRow.cluster_id == min(cluster_id, MAX_ID)]


def _members_of(run_id: int) -> Select[int, int, float]:
    table = ClusterMemberRow
    columns = (table.image_id, func.coalesce(table.cluster_id, -1), table.probability)
    return select(*columns).where(table.run_id == run_id)


def _membership(rows: Sequence[Row[int, int, float]]) -> Membership:
    return Membership(
        image_ids=np.array([row[0] for row in rows], np.int64),
        cluster_ids=np.array([row[1] for row in rows], np.int64),
        probabilities=np.array([row[2] for row in rows], np.float64),
    )
