"""Reading what of clusters changes from run to run: sizes, banks that they hit, classes."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import ColumnElement, func, or_, select

from indexer.store.models import (
    BankRow,
    ClassificationRow,
    ClusterMemberRow,
    EntryRow,
    RetroMatchRow,
    RunClusterRow,
)
from indexer.store.queries import Queries
from indexer.store.rows import WHOLE
from indexer.types import BankKind


class ClusterChangeQueries(Queries):
    """What changes of clusters, within one transaction; `Catalog` has the rest."""

    def cluster_sizes(self, run_id: int) -> dict[int, int]:
        """Return how many members each cluster of a run had when it was found."""
        table = RunClusterRow
        statement = select(table.cluster_id, table.size).where(table.run_id == run_id)
        return {row[0]: row[1] for row in self._connection.execute(statement)}

    def joined_members(self, run_id: int) -> dict[int, int]:
        """Return how many images joined each cluster of a run after it was found."""
        table = ClusterMemberRow
        statement = (
            select(table.cluster_id, func.count())
            .where(table.run_id == run_id, table.assigned)
            .group_by(table.cluster_id)
        )
        rows = self._connection.execute(statement)
        return {cluster_id: count for cluster_id, count in rows if cluster_id is not None}

    def cluster_bank_hits(self, run_id: int, at: datetime) -> dict[int, dict[str, int]]:
        """Return which block banks the members of each cluster of a run hit at a moment.

        A member hits a bank as an image that is an entry of it, or by a match with an entry of it
        that a retro-scan has listed.

        Parameters
        ----------
        run_id : int
        at : datetime
            Entries, and matches, that were there then.

        Returns
        -------
        dict of int to dict of str to int
            Members that hit it, by cluster and bank.
        """
        hits: dict[int, dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
        for cluster_id, bank, image_id in self._hits(run_id, at):
            hits[cluster_id][bank].add(image_id)
        return {
            cluster_id: {bank: len(images) for bank, images in banks.items()}
            for cluster_id, banks in hits.items()
        }

    def cluster_classes(self, run_id: int, space_id: int) -> dict[int, dict[str, int]]:
        """Return how many members of each cluster of a run are most probably of each class."""
        member, classified = ClusterMemberRow, ClassificationRow
        statement = (
            select(member.cluster_id, classified.top_label, func.count())
            .join(classified, classified.image_id == member.image_id)
            .where(
                member.run_id == run_id,
                ~member.assigned,
                classified.space_id == space_id,
                classified.part == WHOLE,
            )
            .group_by(member.cluster_id, classified.top_label)
        )
        classes: dict[int, dict[str, int]] = defaultdict(dict)
        for cluster_id, label, count in self._connection.execute(statement):
            if cluster_id is not None:
                classes[cluster_id][label] = count
        return dict(classes)

    def _hits(self, run_id: int, at: datetime) -> Iterator[tuple[int, str, int]]:
        """Yield cluster, bank and member of each hit; one may come twice."""
        member = ClusterMemberRow
        of_run: tuple[ColumnElement[bool], ...] = (
            member.run_id == run_id,
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
