"""Leases of review items: nobody else gets an item while one person has it."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, Connection, or_, select, update
from sqlalchemy.orm import aliased

from indexer.store.models import BankRow, ClusterMemberRow, ClusterRunRow, ReviewItemRow
from indexer.store.queries import DatedQueries
from indexer.store.reviews.review_items import OPEN, ReviewItems
from indexer.types import (
    ClusterAlgorithm,
    LeaseRequest,
    Person,
    QueueKind,
    ReviewItem,
    RunState,
)

_ORDER: Final = (ReviewItemRow.rank, ReviewItemRow.due_at, ReviewItemRow.id)


class ReviewLeases(DatedQueries):
    """The leases within a transaction that writes; it does not need the log's lock."""

    def __init__(self, connection: Connection, now: datetime) -> None:
        super().__init__(connection, now)
        self._items = ReviewItems(connection)

    def take(self, person: str, wanted: LeaseRequest, lease: timedelta) -> list[ReviewItem]:
        """Lease the gravest and oldest open items of a queue that nobody has.

        Rows that another transaction is leasing are passed over, so that no two people get one and
        nobody waits.
        """
        conditions = [
            OPEN,
            ReviewItemRow.queue == wanted.queue.value,
            or_(ReviewItemRow.not_for.is_(None), ReviewItemRow.not_for != person),
        ]
        if wanted.queue in {QueueKind.SECOND_SIGNATURE, QueueKind.ESCALATION}:
            conditions.append(~_is_signed_by(person))
        if wanted.bank is not None:
            bank = select(BankRow.id).where(
                BankRow.name == wanted.bank, BankRow.removed_at.is_(None)
            )
            conditions.append(ReviewItemRow.bank_id == bank.scalar_subquery())
        if wanted.severity is not None:
            conditions.append(ReviewItemRow.severity == wanted.severity.value)
        if wanted.item_id is not None:
            within_reach = [*conditions, or_(self._is_free(), self._is_of(person))]
            ids = self._fresh(within_reach, wanted, wanted.limit)
            self._lease(ids, person, lease)
            return self._items.get_many(ids)
        mine = self._held(person) if wanted.resume else []
        held = self._lock([*conditions, ReviewItemRow.id.in_(mine)], wanted.limit) if mine else []
        free = [*conditions, self._is_free(), ReviewItemRow.id.not_in(held)]
        ids = [*held, *self._fresh(free, wanted, wanted.limit - len(held))]
        self._lease(ids, person, lease)
        return self._items.get_many(ids)

    def renew(self, person: str, ids: Collection[int], lease: timedelta) -> list[ReviewItem]:
        """Prolong a person's leases; those that ran out, if nobody has the item meanwhile.

        Returns
        -------
        list of ReviewItem
            Those that the person has now.
        """
        held = self._lock(
            [OPEN, ReviewItemRow.id.in_(ids), or_(self._is_of(person), self._ran_out(person))],
            len(ids),
        )
        self._lease(held, person, lease)
        return self._items.get_many(held)

    def release(self, person: str, ids: Collection[int]) -> int:
        """End a person's leases; return how many there were."""
        held = self._lock([ReviewItemRow.id.in_(ids), self._is_of(person)], len(ids))
        freed = update(ReviewItemRow).where(ReviewItemRow.id.in_(held))
        return self._connection.execute(
            freed.values(leased_by=None, lease_expires_at=None)
        ).rowcount

    def skip(self, person: str, item_id: int) -> ReviewItem:
        """Put an item that nobody else has at the end of its queue.

        Raises
        ------
        NotFoundError
            There is no such item.
        """
        skipped = update(ReviewItemRow).where(
            ReviewItemRow.id == item_id, OPEN, or_(self._is_free(), self._is_of(person))
        )
        values = {"leased_by": None, "lease_expires_at": None, "due_at": self._now}
        self._connection.execute(skipped.values(values))
        return self._items.get(item_id)

    def _held(self, person: str) -> list[int]:
        """Return the items that a person has, of any queue: found by themselves, not among all."""
        return list(self._connection.scalars(select(ReviewItemRow.id).where(self._is_of(person))))

    def _fresh(
        self, free: Sequence[ColumnElement[bool]], wanted: LeaseRequest, limit: int
    ) -> list[int]:
        if limit <= 0:
            return []
        named = [] if wanted.item_id is None else [ReviewItemRow.id == wanted.item_id]
        first = self._lock([*free, *named], 1 if wanted.family else limit)
        if not first or not wanted.family:
            return first
        others = [*free, ReviewItemRow.id != first[0], *self._family(first[0])]
        return first + (self._lock(others, limit - 1) if limit > 1 else [])

    def _family(self, item_id: int) -> list[ColumnElement[bool]]:
        """Return what holds for the family of an item.

        It is the cluster of its image in the newest families, or, without one, what matched the
        same entry.
        """
        run = (
            select(ClusterRunRow.id)
            .where(
                ClusterRunRow.algorithm == ClusterAlgorithm.FAMILIES.value,
                ClusterRunRow.state == RunState.DONE.value,
            )
            .order_by(ClusterRunRow.id.desc())
            .limit(1)
            .scalar_subquery()
        )
        member, item = ClusterMemberRow, self._items.get(item_id)
        cluster = self._connection.scalar(
            select(member.cluster_id).where(
                member.run_id == run, member.image_id == (item.image_id or 0)
            )
        )
        if cluster is not None:
            images = select(member.image_id).where(
                member.run_id == run, member.cluster_id == cluster
            )
            return [ReviewItemRow.image_id.in_(images)]
        if item.entry_id is None:
            return [ReviewItemRow.id == item_id]
        return [ReviewItemRow.entry_id == item.entry_id]

    def _lock(self, conditions: Sequence[ColumnElement[bool]], limit: int) -> list[int]:
        """Return the first items that satisfy all conditions, whose rows only we may change now.

        Rows that others are changing, to lease or to decide, are passed over: no two transactions
        ever wait for each other.
        """
        statement = select(ReviewItemRow.id).where(*conditions).order_by(*_ORDER).limit(limit)
        return list(self._connection.scalars(statement.with_for_update(skip_locked=True)))

    def _lease(self, ids: Collection[int], person: str, lease: timedelta) -> None:
        if ids:
            taken = update(ReviewItemRow).where(ReviewItemRow.id.in_(ids))
            until = self._now + lease
            self._connection.execute(taken.values(leased_by=person, lease_expires_at=until))

    def _is_free(self) -> ColumnElement[bool]:
        expires_at = ReviewItemRow.lease_expires_at
        return or_(expires_at.is_(None), expires_at <= self._now)

    def _is_of(self, person: str) -> ColumnElement[bool]:
        return (ReviewItemRow.leased_by == person) & (ReviewItemRow.lease_expires_at > self._now)

    def _ran_out(self, person: str) -> ColumnElement[bool]:
        return (ReviewItemRow.leased_by == person) & (ReviewItemRow.lease_expires_at <= self._now)


def _is_signed_by(person: str) -> ColumnElement[bool]:
    """Return that an item asks for one more signature, and the person cannot give it.

    They were one of those who signed before; or they have no key, and might be.
    """
    second, first = aliased(ReviewItemRow), aliased(ReviewItemRow)
    differed = (
        select(second.id)
        .outerjoin(first, first.id == second.parent_id)
        .where(
            second.id == ReviewItemRow.parent_id,
            second.queue == QueueKind.SECOND_SIGNATURE.value,
        )
    )
    if not Person(person, person).has_key:
        return or_(ReviewItemRow.queue == QueueKind.SECOND_SIGNATURE.value, differed.exists())
    by_them = or_(second.decided_by == person, first.decided_by == person)
    return differed.where(by_them).exists()
