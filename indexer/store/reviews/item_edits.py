"""Review items as they are made and settled."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from pydantic import TypeAdapter
from sqlalchemy import and_, delete, func, insert, or_, select, update
from sqlalchemy.orm import aliased

from indexer.store.edits import Edits
from indexer.store.log.audit import named, only
from indexer.store.models import (
    BankRow,
    DecisionRow,
    EntryRow,
    ImageRow,
    ReviewItemRow,
    ReviewPictureRow,
)
from indexer.store.reviews.review_items import OPEN, ReviewItems, is_about
from indexer.store.sql_parameters import chunks
from indexer.store.values import MatchKey
from indexer.types import (
    NewReviewItem,
    Outcome,
    Person,
    QueueKind,
    ReviewAct,
    ReviewEffects,
    ReviewItem,
    ReviewState,
    Settlement,
    Severity,
)

_RANKS: Final = {severity.value: rank for rank, severity in enumerate(reversed(Severity))}
_FOLLOWS: Final = {QueueKind.SECOND_SIGNATURE, QueueKind.ESCALATION}
"""Queues of what was decided before: a standing decision keeps nothing out of them."""

_AS_NEW: Final = {
    "state": ReviewState.OPEN.value,
    "outcome": None,
    "reason": None,
    "note": None,
    "decided_by": None,
    "decided_at": None,
    "decision_id": None,
    "superseded_id": None,
    "dismissed_by": None,
    "flood_state": None,
    "act": None,
    "awaits_signature": False,
    "leased_by": None,
    "lease_expires_at": None,
}
"""The columns of an item that nobody has decided."""
_ACT: Final = TypeAdapter(ReviewAct).validate_python


class ReviewItemEdits(ReviewItems, Edits):
    """The review items within a writing transaction."""

    def add(self, new: Sequence[NewReviewItem]) -> list[int]:
        """Make items; a pair that is open, or was confirmed or rejected, makes no other.

        Returns
        -------
        list of int
            Ids of those that were made.
        """
        banks = self._banks(new)
        digests = self._digests(new)
        settled = self._settled_pairs(digests.values())
        made = []
        for item in new:
            digest = item.query_sha256 or digests.get(item.image_id or 0)
            match = MatchKey(digest or b"", item.entry_id, item.match_image_id)
            is_asked = item.queue in _FOLLOWS or item.is_signed
            if not is_asked and (match in settled or self._is_open(item)):
                continue
            if digest is not None:
                settled.add(match)
            bank_id, severity = banks.get(item.entry_id or item.bank or "", (None, None))
            row = {
                "queue": item.queue.value,
                "state": ReviewState.OPEN.value,
                "rank": _RANKS.get(severity or "", len(_RANKS)),
                "query_sha256": digest,
                "image_id": item.image_id,
                "flood_id": item.flood_id,
                "cluster_id": item.cluster_id,
                "entry_id": item.entry_id,
                "match_image_id": item.match_image_id,
                "bank_id": bank_id,
                "severity": severity,
                "evidence": asdict(item.evidence),
                "parent_id": item.parent_id,
                "root_id": self._root_of(item.parent_id),
                "not_for": item.not_for,
                "created_at": self._now,
                "due_at": self._now,
            }
            made.append(self._insert_one(ReviewItemRow, row))
            if item.picture is not None:
                picture = {"item_id": made[-1], "jpeg": item.picture}
                self._connection.execute(insert(ReviewPictureRow).values(picture))
        return made

    def keep_picture(self, item_id: int, jpeg: bytes) -> None:
        """Keep the picture of an item, and of those that follow it; one that is kept stays."""
        holder = self._root_of(item_id) or item_id
        if self.picture(holder) is None:
            picture = {"item_id": holder, "jpeg": jpeg}
            self._connection.execute(insert(ReviewPictureRow).values(picture))

    def find(self, query_sha256: bytes) -> int | None:
        """Return the newest item about a picture of these bytes; None if there is none."""
        statement = select(ReviewItemRow.id).where(ReviewItemRow.query_sha256 == query_sha256)
        return self._connection.scalar(statement.order_by(ReviewItemRow.id.desc()).limit(1))

    def lock(self, ids: Iterable[int]) -> None:
        """Let nobody lease some items until this transaction ends."""
        for chunk in chunks(sorted(ids)):
            wanted = select(ReviewItemRow.id).where(ReviewItemRow.id.in_(chunk))
            self._connection.execute(wanted.order_by(ReviewItemRow.id).with_for_update())

    def settle(self, item_id: int, person: Person, said: Settlement) -> ReviewItem:
        """Write down what a person decided; the lease ends."""
        self._change(
            item_id,
            state=ReviewState.DECIDED.value,
            outcome=said.outcome.value,
            reason=said.reason,
            note=said.note,
            decided_by=person.id,
            decided_at=self._now,
            decision_id=said.decision_id,
            superseded_id=said.superseded_id,
            flood_state=said.flood_state,
            act=asdict(said.act) if said.act else None,
            awaits_signature=said.awaits_signature,
            leased_by=None,
            lease_expires_at=None,
        )
        item = self.get(item_id)
        self._audit.record(
            "review.decide",
            "review",
            item_id,
            queue=item.queue.value,
            outcome=said.outcome.value,
            reason=said.reason,
            decision=said.decision_id,
            awaits_signature=said.awaits_signature,
        )
        return item

    def sign(self, item_id: int, decision_id: int | None, *, awaits: bool = False) -> None:
        """Say what came of a second signature, or that it is awaited again."""
        self._change(item_id, awaits_signature=awaits, decision_id=decision_id)

    def reopen(self, item_id: int, person: Person, until: datetime) -> ReviewItem:
        """Take a decision back: the item is open again, and leased to the person."""
        self._change(item_id, **_AS_NEW | {"leased_by": person.id, "lease_expires_at": until})
        self._audit.record("review.undo", "review", item_id)
        return self.get(item_id)

    def dismiss(self, ids: Iterable[int]) -> None:
        """Say that nobody needs to decide open items any more."""
        for chunk in chunks(ids):
            gone = update(ReviewItemRow).where(ReviewItemRow.id.in_(chunk), OPEN)
            self._connection.execute(gone.values(state=ReviewState.DISMISSED.value))

    def dismiss_match(self, match: MatchKey, decision_id: int) -> None:
        """Dismiss the open items about a match that a decision settles.

        With it `reopen_after` opens them again.
        """
        gone = update(ReviewItemRow).where(OPEN, *is_about(match))
        values = {"state": ReviewState.DISMISSED.value, "dismissed_by": decision_id}
        self._connection.execute(gone.values(values))

    def reopen_after(self, decision_ids: Iterable[int]) -> list[int]:
        """Open the items again that decisions which no longer hold had settled.

        Those stay as they are whose match is settled by another decision, is under review by
        another item, or is gone: its image, its entry or its bank.

        Returns
        -------
        list of int
            The items, ascending.
        """
        table = ReviewItemRow
        dismissed = table.state == ReviewState.DISMISSED.value
        first = table.queue != QueueKind.SECOND_SIGNATURE.value  # it asks for the second one anew
        statements = [
            (select(table.id).where(dismissed), table.dismissed_by),
            (select(table.id).where(~dismissed, first), table.decision_id),
        ]
        ids = {*decision_ids}
        found = self._still_there({row.id for each in statements for row in self._rows(*each, ids)})
        settled = self._settled_pairs(
            (match.query_sha256 for match in found.values()), signed=False
        )
        reopened = []
        for item_id, match in found.items():
            if match not in settled:
                settled.add(match)
                self._change(item_id, **_AS_NEW)
                reopened.append(item_id)
        if reopened:
            self._audit.record("review.reopen", "review", only(reopened), **named(reopened))
        return reopened

    def dismiss_entries(self, entry_ids: Iterable[int]) -> None:
        """Dismiss the open items about matches with entries that are no longer there."""
        statement = select(ReviewItemRow.id).where(OPEN)
        rows = self._rows(statement, ReviewItemRow.entry_id, set(entry_ids))
        self.dismiss([row.id for row in rows])

    def dismiss_bank(self, bank_id: int) -> None:
        """Dismiss the open items about a bank that is no longer there."""
        self.dismiss(self._ids_where(ReviewItemRow, OPEN, ReviewItemRow.bank_id == bank_id))

    def dismiss_flood(self, flood_id: int) -> None:
        """Dismiss the open items about a flood flag that was resolved elsewhere."""
        self.dismiss(self._ids_where(ReviewItemRow, OPEN, ReviewItemRow.flood_id == flood_id))

    def withdraw(self, item_id: int) -> None:
        """Say that nobody needs to sign what a person had decided, nor what followed from it."""
        self._change(item_id, state=ReviewState.DISMISSED.value, awaits_signature=False)
        self.dismiss(self._ids_where(ReviewItemRow, OPEN, ReviewItemRow.root_id == item_id))
        self._audit.record("review.withdraw", "review", item_id)

    def followers(self, item_id: int) -> list[ReviewItem]:
        """Return the items that follow one: a second signature, an escalation."""
        return self._items_where(
            ReviewItemRow.parent_id == item_id,
            ReviewItemRow.state != ReviewState.DISMISSED.value,
        )

    def effects(self, item_id: int) -> ReviewEffects:
        """Return what the decision on an item changed."""
        table = ReviewItemRow
        columns = (table.superseded_id, table.flood_state, table.act)
        row = self._connection.execute(select(*columns).where(table.id == item_id)).one()
        return ReviewEffects(row.superseded_id, row.flood_state, row.act and _ACT(row.act))

    def forget_pictures(self, before: datetime) -> int:
        """Delete pictures of uploads that nobody reviews any more; return how many.

        Parameters
        ----------
        before : datetime
            Those stay of which anything was decided at this moment or later.
        """
        table = ReviewItemRow
        holder = func.coalesce(table.root_id, table.id)
        needed = select(holder).where(or_(OPEN, table.decided_at >= before))
        gone = delete(ReviewPictureRow).where(ReviewPictureRow.item_id.not_in(needed))
        return self._connection.execute(gone).rowcount

    def _change(self, item_id: int, **values: Any) -> None:
        changed = update(ReviewItemRow).where(ReviewItemRow.id == item_id)
        self._connection.execute(changed.values(**values))

    def _root_of(self, parent_id: int | None) -> int | None:
        if parent_id is None:
            return None
        statement = select(ReviewItemRow.root_id).where(ReviewItemRow.id == parent_id)
        return self._connection.scalar(statement) or parent_id

    def _is_open(self, item: NewReviewItem) -> bool:
        """Tell whether there is an open item about the same flood or cluster alert."""
        table = ReviewItemRow
        if item.flood_id is not None:
            return bool(self._count(table, OPEN, table.flood_id == item.flood_id))
        if item.cluster_id is None:
            return False
        alert = (table.queue == item.queue.value, table.cluster_id == item.cluster_id)
        return bool(self._count(table, OPEN, *alert))

    def _banks(
        self, new: Sequence[NewReviewItem]
    ) -> Mapping[int | str, tuple[int | None, str | None]]:
        """Return id and severity of the banks of items, by entry or by name."""
        found: dict[int | str, tuple[int | None, str | None]] = {}
        by_entry = select(EntryRow.id, BankRow.id.label("bank_id"), BankRow.severity).join(
            BankRow, BankRow.id == EntryRow.bank_id
        )
        entries = {item.entry_id for item in new if item.entry_id is not None}
        for row in self._rows(by_entry, EntryRow.id, entries):
            found[row.id] = (row.bank_id, row.severity)
        by_name = select(BankRow.name, BankRow.id.label("bank_id"), BankRow.severity).where(
            BankRow.removed_at.is_(None)
        )
        names = {item.bank for item in new if item.bank}
        for name, bank_id, severity in self._rows(by_name, BankRow.name, names):
            found[name] = (bank_id, severity)
        return found

    def _digests(self, new: Sequence[NewReviewItem]) -> dict[int, bytes]:
        """Return the SHA-256 of what items are about: by stored image, and by -n of an upload."""
        images = {item.image_id for item in new if item.image_id is not None}
        rows = self._rows(select(ImageRow.id, ImageRow.sha256), ImageRow.id, images)
        found = {row.id: row.sha256 for row in rows}
        uploads = {item.query_sha256 for item in new if item.query_sha256}
        return found | {-1 - number: digest for number, digest in enumerate(sorted(uploads))}

    def _still_there(self, ids: Iterable[int]) -> dict[int, MatchKey]:
        """Return the matches of those items whose images, entry and bank are not removed, by id."""
        table, image, matched = ReviewItemRow, aliased(ImageRow), aliased(ImageRow)
        statement = (
            select(table.id, table.query_sha256, table.entry_id, table.match_image_id)
            .outerjoin(image, image.id == table.image_id)
            .outerjoin(matched, matched.id == table.match_image_id)
            .outerjoin(EntryRow, EntryRow.id == table.entry_id)
            .outerjoin(BankRow, BankRow.id == table.bank_id)
            .where(*(each.removed_at.is_(None) for each in (image, matched, EntryRow, BankRow)))
            .order_by(table.id)
        )
        rows = self._rows(statement, table.id, sorted(ids))
        return {row[0]: MatchKey(row[1] or b"", row[2], row[3]) for row in rows}

    def _settled_pairs(self, digests: Iterable[bytes], *, signed: bool = True) -> set[MatchKey]:
        """Return the matches of queries that were decided for good, or are to be.

        Parameters
        ----------
        digests : iterable of bytes
            SHA-256 of the queries.
        signed : bool
            Whether those count that only await a second signature.
        """
        wanted = set(digests)
        table, item = DecisionRow, ReviewItemRow
        decided = select(table.query_sha256, table.entry_id, table.image_id).where(
            table.superseded_at.is_(None), table.outcome != Outcome.ESCALATED.value
        )
        without_match = and_(
            item.state == ReviewState.DECIDED.value,
            item.entry_id.is_(None),
            item.match_image_id.is_(None),
        )
        awaited = [item.awaits_signature.is_(True)] if signed else []
        asked = select(item.query_sha256, item.entry_id, item.match_image_id).where(
            or_(OPEN, without_match, *awaited)
        )
        return {
            MatchKey(row[0] or b"", row[1], row[2])
            for statement, column in ((decided, table.query_sha256), (asked, item.query_sha256))
            for row in self._rows(statement, column, wanted)
        }
