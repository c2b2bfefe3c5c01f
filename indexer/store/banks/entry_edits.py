"""Entries of banks: adding, disabling and removing them."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, select

from indexer.audit_chain import moment
from indexer.errors import InputError, NotFoundError
from indexer.store.banks.conditions import ACTIVE
from indexer.store.banks.entries import Entries
from indexer.store.banks.variant_removal import VariantRemoval
from indexer.store.edits import Edits, Transaction
from indexer.store.log.audit import named, only
from indexer.store.models import EntryRow, ImageRow
from indexer.store.reviews.item_edits import ReviewItemEdits
from indexer.store.sql_parameters import MAX_ID, chunks, possible_ids
from indexer.store.values import RemovedBy
from indexer.types import DisabledReason, EntryRecord, Fingerprint

FOR_GOOD: Final = datetime(9999, 12, 31, tzinfo=UTC)
"""Until when an entry is disabled that only a person enables again."""


class EntryEdits(Entries, Edits):
    """The entries within a writing transaction."""

    def __init__(self, transaction: Transaction, reviews: ReviewItemEdits) -> None:
        super().__init__(transaction)
        self._reviews = reviews
        self._variants = VariantRemoval(transaction)

    def add(self, bank_id: int, image_ids: Iterable[int]) -> int:
        """Make images entries of a bank; return how many were not before.

        Raises
        ------
        NotFoundError
            There is no such bank, or no active image of one of the ids.
        """
        ids = set(image_ids)
        self._require_images(ids, ImageRow.removed_at.is_(None))
        return self.join(bank_id, ids)

    def add_fingerprint(
        self,
        bank_id: int,
        fingerprint: Fingerprint,
        *,
        notes: str | None = None,
        labels: Sequence[str] = (),
    ) -> int:
        """Make a bare fingerprint an entry of a bank; return the entry's id.

        One that was added so before stays as it is. What a list gave the bank does not count as
        that: the list may withdraw it.

        Raises
        ------
        NotFoundError
            There is no such bank.
        """
        self._require_bank(bank_id)
        own = (
            EntryRow.bank_id == bank_id,
            EntryRow.source.is_(None),
            EntryRow.fingerprint_kind == fingerprint.kind.value,
            EntryRow.fingerprint == fingerprint.value,
            ACTIVE,
        )
        for known in self._ids_where(EntryRow, *own):
            return known
        row = {
            "bank_id": bank_id,
            "fingerprint_kind": fingerprint.kind.value,
            "fingerprint": fingerprint.value,
            "notes": notes,
            "labels": list(labels) or None,
            "created_at": self._now,
        }
        entry_id = self._insert_one(EntryRow, row)
        self._log.append("entry", "added", [entry_id])
        self._audit.record(
            "entry.add",
            "bank",
            bank_id,
            **named([entry_id]),
            kind=fingerprint.kind.value,
            fingerprint=fingerprint.value.hex(),
        )
        return entry_id

    def disable(
        self,
        ids: Iterable[int],
        until: datetime = FOR_GOOD,
        reason: DisabledReason = DisabledReason.BY_HAND,
    ) -> int:
        """Let entries match nothing until a moment; return how many there were.

        Ids that no active entry has are passed over. The moment and the reason replace those that
        an entry had.
        """
        disabled = self._change(ids, disabled_until=until, disabled_reason=reason.value)
        if disabled:
            said = {"until": moment(until), "reason": reason.value}
            self._audit.record("entry.disable", "entry", only(disabled), **named(disabled), **said)
        return len(disabled)

    def enable(self, ids: Iterable[int]) -> int:
        """Let entries match again; return how many were disabled, even if that had expired.

        Ids that no active entry has are passed over.
        """
        disabled = EntryRow.disabled_until.is_not(None)
        enabled = self._change(ids, disabled, disabled_until=None, disabled_reason=None)
        if enabled:
            self._audit.record("entry.enable", "entry", only(enabled), **named(enabled))
        return len(enabled)

    def remove(self, ids: Iterable[int], by: RemovedBy = RemovedBy.USER) -> int:
        """Remove entries; return how many there were. Their images stay.

        Ids that no active entry has are passed over. What a list gave us stays as a tombstone: by
        whom it was removed says whether the list may bring it back.
        """
        removed = list[int]()
        for chunk in chunks(possible_ids(ids)):
            active = self._ids_where(EntryRow, EntryRow.id.in_(chunk), ACTIVE)
            self.withdraw(active, by)
            removed += active
        if removed:
            self._audit.record(
                "entry.remove", "entry", only(removed), **named(removed), by=by.value
            )
        return len(removed)

    def restore(self, entry_id: int) -> EntryRecord:
        """Take the removal of an entry back: it has its id, labels and hits again.

        Raises
        ------
        NotFoundError
            There is no such entry.
        InputError
            It was not removed by a person, or cannot return: its bank or its image was removed, or
            the bank has what it stood for as another entry.
        """
        wanted = min(entry_id, MAX_ID)
        statement = select(EntryRow.__table__).where(EntryRow.id == wanted)
        row = self._connection.execute(statement).first()
        if row is None:
            raise NotFoundError(f"There is no entry {entry_id}.")
        if row.removed_by != RemovedBy.USER.value:
            raise InputError(
                f"Entry {entry_id} was not removed by a person: see `lookalike audit`."
            )
        self._require_bank(row.bank_id)
        if row.image_id is not None:
            self._require_images({row.image_id}, ImageRow.removed_at.is_(None))
        twin = [
            EntryRow.bank_id == row.bank_id,
            EntryRow.image_id.is_not_distinct_from(row.image_id),
            EntryRow.fingerprint_kind.is_not_distinct_from(row.fingerprint_kind),
            EntryRow.fingerprint.is_not_distinct_from(row.fingerprint),
            ACTIVE,
        ]
        if row.fingerprint is not None:
            twin.append(EntryRow.source.is_not_distinct_from(row.source))
        for other in self._ids_where(EntryRow, *twin):
            raise InputError(f"Entry {other} stands for the same in the bank already.")
        self._set(EntryRow, [wanted], removed_at=None, removed_by=None)
        self._log.append("entry", "added", [wanted])
        self._audit.record("entry.restore", "entry", wanted)
        return self.get(wanted)

    def join(self, bank_id: int, image_ids: Iterable[int]) -> int:
        """Make images, which the caller knows to be active, entries of a bank.

        Returns
        -------
        int
            How many were not before.

        Raises
        ------
        NotFoundError
            There is no such bank.
        """
        self._require_bank(bank_id)
        added = list[int]()
        of_bank = (EntryRow.bank_id == bank_id, ACTIVE)
        for chunk in chunks(sorted(set(image_ids))):
            statement = select(EntryRow.image_id).where(EntryRow.image_id.in_(chunk), *of_bank)
            held = {*self._connection.scalars(statement)}
            missing = [image_id for image_id in chunk if image_id not in held]
            rows = [
                {"bank_id": bank_id, "image_id": image_id, "created_at": self._now}
                for image_id in missing
            ]
            self._insert(EntryRow, rows)
            entered = self._ids_where(EntryRow, EntryRow.image_id.in_(missing), *of_bank)
            self._log.append("entry", "added", entered)
            added += entered
        if added:
            self._audit.record("entry.add", "bank", bank_id, **named(added))
        return len(added)

    def withdraw(self, ids: Sequence[int], by: RemovedBy) -> None:
        """Remove entries, all of them active, whose removal is audited with its cause.

        The variants of images that are in no other block bank go with them.
        """
        self._set(EntryRow, ids, removed_at=self._now, removed_by=by.value)
        self._log.append("entry", "removed", ids)
        self._reviews.dismiss_entries(ids)
        self._variants.drop_of_withdrawn(ids)

    def _change(
        self, ids: Iterable[int], *conditions: ColumnElement[bool], **columns: Any
    ) -> list[int]:
        """Set columns of the active entries among these; return which ones they are."""
        changed = list[int]()
        for chunk in chunks(possible_ids(ids)):
            found = self._ids_where(EntryRow, EntryRow.id.in_(chunk), ACTIVE, *conditions)
            self._set(EntryRow, found, **columns)
            self._log.append("entry", "changed", found)
            changed += found
        return changed
