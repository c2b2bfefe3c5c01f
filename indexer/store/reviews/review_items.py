"""Review items: what people are to decide."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, Row, case, func, literal_column, select

from indexer.store.models import BankRow, EntryRow, ReviewItemRow, ReviewPictureRow
from indexer.store.queries import Queries, from_row, require
from indexer.store.sql_parameters import MAX_ID
from indexer.store.values import MatchKey
from indexer.types import (
    Outcome,
    QueueKind,
    ReviewEvidence,
    ReviewFilter,
    ReviewItem,
    ReviewQueue,
    ReviewState,
    Severity,
)

OPEN: Final = ReviewItemRow.state == literal_column(f"'{ReviewState.OPEN}'")
"""Open items; literal, so that the planner can prove that their index fits."""
_EVIDENCE: Final = TypeAdapter(ReviewEvidence)
_HOLDER: Final = func.coalesce(ReviewItemRow.root_id, ReviewItemRow.id)
_ITEMS: Final = (
    select(
        ReviewItemRow.__table__,
        func.coalesce(ReviewItemRow.match_image_id, EntryRow.image_id).label("matched_image"),
        BankRow.name.label("bank"),
        ReviewPictureRow.item_id.is_not(None).label("has_picture"),
    )
    .outerjoin(EntryRow, EntryRow.id == ReviewItemRow.entry_id)
    .outerjoin(BankRow, BankRow.id == ReviewItemRow.bank_id)
    .outerjoin(ReviewPictureRow, ReviewPictureRow.item_id == _HOLDER)
)


class ReviewItems(Queries):
    """The review items within one transaction."""

    def get(self, item_id: int) -> ReviewItem:
        """Return an item.

        Raises
        ------
        NotFoundError
            There is no such item.
        """
        return require(
            self._items_where(ReviewItemRow.id == min(item_id, MAX_ID)),
            f"There is no review item {item_id}. `GET /v1/reviews` lists them.",
            brief=f"There is no review item {item_id}.",
        )

    def get_many(self, ids: Iterable[int]) -> list[ReviewItem]:
        """Return those items that exist, in the order of the ids."""
        wanted = list(ids)
        found = {item.id: item for item in self._items_where(ReviewItemRow.id.in_(wanted))}
        return [found[each] for each in wanted if each in found]

    def page(
        self, wanted: ReviewFilter, *, after_id: int = 0, limit: int = 100
    ) -> list[ReviewItem]:
        """Return a page of the items, oldest first.

        Parameters
        ----------
        wanted : ReviewFilter
        after_id : int
            Last id of the page before.
        limit : int
            Most items of a page.
        """
        conditions = [ReviewItemRow.id > min(after_id, MAX_ID), *_conditions(wanted)]
        return self._items_where(*conditions, limit=limit)

    def queues(self, now: datetime) -> list[ReviewQueue]:
        """Count the open items by queue, bank and severity, gravest first."""
        table = ReviewItemRow
        kinds = (table.queue, table.bank_id, table.rank)  # as in their index; a rank is a severity
        counted = (
            select(
                *kinds,
                func.min(table.severity).label("severity"),
                func.count().label("open"),
                func.sum(case((table.lease_expires_at > now, 1), else_=0)).label("leased"),
                func.min(table.created_at).label("oldest_at"),
            )
            .where(OPEN)
            .group_by(*kinds)
            .subquery()
        )
        statement = (
            select(counted, BankRow.name.label("bank"))
            .outerjoin(BankRow, BankRow.id == counted.c.bank_id)
            .order_by(counted.c.queue, counted.c.rank, BankRow.name)
        )
        return [
            from_row(
                ReviewQueue,
                row,
                queue=QueueKind(row.queue),
                severity=row.severity and Severity(row.severity),
                leased=int(row.leased),
            )
            for row in self._connection.execute(statement)
        ]

    def about(self, match: MatchKey) -> list[ReviewItem]:
        """Return the items about a match, oldest first, whatever became of them."""
        return self._items_where(*is_about(match))

    def picture(self, item_id: int) -> bytes | None:
        """Return the picture of an upload, as a JPEG; None for one that is not kept."""
        holder = select(_HOLDER).where(ReviewItemRow.id == min(item_id, MAX_ID))
        kept = ReviewPictureRow.item_id == holder.scalar_subquery()
        return self._connection.scalar(select(ReviewPictureRow.jpeg).where(kept))

    def holds_pictures(self) -> bool:
        """Return whether any picture of an upload is kept."""
        return self._connection.scalar(select(ReviewPictureRow.item_id).limit(1)) is not None

    def decided_by(self, person: str, since: datetime) -> int:
        """Count the items that a person decided since a moment."""
        return self._count(
            ReviewItemRow,
            ReviewItemRow.decided_by == person,
            ReviewItemRow.decided_at >= since,
        )

    def _items_where(
        self, *conditions: ColumnElement[bool], limit: int | None = None
    ) -> list[ReviewItem]:
        statement = _ITEMS.where(*conditions).order_by(ReviewItemRow.id).limit(limit)
        return [_item(row) for row in self._connection.execute(statement)]


def is_about(match: MatchKey) -> list[ColumnElement[bool]]:
    """Return what holds for the items about a match."""
    return [
        ReviewItemRow.query_sha256 == match.query_sha256,
        ReviewItemRow.entry_id.is_not_distinct_from(match.entry_id),
        ReviewItemRow.match_image_id.is_not_distinct_from(match.image_id),
    ]


def _conditions(wanted: ReviewFilter) -> list[ColumnElement[bool]]:
    table = ReviewItemRow
    named = {
        table.queue: wanted.queue,
        BankRow.name: wanted.bank,
        table.severity: wanted.severity,
        table.state: wanted.state,
        table.leased_by: wanted.leased_by,
        table.decided_by: wanted.decided_by,
    }
    conditions = [column == str(value) for column, value in named.items() if value is not None]
    if wanted.image_id is not None:
        conditions.append(table.image_id == min(wanted.image_id, MAX_ID))
    if wanted.cluster_id is not None:
        conditions.append(table.cluster_id == min(wanted.cluster_id, MAX_ID))
    if wanted.flood_id is not None:
        conditions.append(table.flood_id == min(wanted.flood_id, MAX_ID))
    return conditions


def _item(row: Row[Any]) -> ReviewItem:
    return from_row(
        ReviewItem,
        row,
        queue=QueueKind(row.queue),
        state=ReviewState(row.state),
        query_sha256=row.query_sha256 and row.query_sha256.hex(),
        match_image_id=row.matched_image,
        severity=row.severity and Severity(row.severity),
        evidence=_EVIDENCE.validate_python(row.evidence or {}),
        outcome=row.outcome and Outcome(row.outcome),
    )
