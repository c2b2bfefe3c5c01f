"""Adding, disabling and removing entries of banks."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import ColumnElement

from indexer.audit_chain import moment
from indexer.store.auditing import named, only
from indexer.store.edits import Edits
from indexer.store.entry_conditions import ACTIVE
from indexer.store.models import EntryRow, ImageRow
from indexer.store.parameters import chunks, possible_ids
from indexer.store.values import RemovedBy
from indexer.types import DisabledReason, Fingerprint

FOR_GOOD: Final = datetime(9999, 12, 31, tzinfo=UTC)
"""Until when an entry is disabled that only a person enables again."""


class EntryEdits(Edits):
    """What edits entries; `Writer` has the rest."""

    def add_entries(self, bank_id: int, image_ids: Iterable[int]) -> int:
        """Make images entries of a bank; return how many were not before.

        Raises
        ------
        NotFoundError
            There is no such bank, or no active image of one of the ids.
        """
        ids = set(image_ids)
        self._require_images(ids, ImageRow.removed_at.is_(None))
        return self._add_entries(bank_id, ids)

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
        self._log("entry", "added", [entry_id])
        self._audit(
            "entry.add",
            "bank",
            bank_id,
            **named([entry_id]),
            kind=fingerprint.kind.value,
            fingerprint=fingerprint.value.hex(),
        )
        return entry_id

    def disable_entries(
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
            self._audit("entry.disable", "entry", only(disabled), **named(disabled), **said)
        return len(disabled)

    def enable_entries(self, ids: Iterable[int]) -> int:
        """Let entries match again; return how many were disabled, even if that had expired.

        Ids that no active entry has are passed over.
        """
        disabled = EntryRow.disabled_until.is_not(None)
        enabled = self._change(ids, disabled, disabled_until=None, disabled_reason=None)
        if enabled:
            self._audit("entry.enable", "entry", only(enabled), **named(enabled))
        return len(enabled)

    def remove_entries(self, ids: Iterable[int], by: RemovedBy = RemovedBy.USER) -> int:
        """Remove entries; return how many there were. Their images stay.

        Ids that no active entry has are passed over. What a list gave us stays as a tombstone: by
        whom it was removed says whether the list may bring it back.
        """
        removed = list[int]()
        for chunk in chunks(possible_ids(ids)):
            active = self._ids_where(EntryRow, EntryRow.id.in_(chunk), ACTIVE)
            self._remove_entries(active, by)
            removed += active
        if removed:
            self._audit("entry.remove", "entry", only(removed), **named(removed), by=by.value)
        return len(removed)

    def _change(
        self, ids: Iterable[int], *conditions: ColumnElement[bool], **columns: Any
    ) -> list[int]:
        """Set columns of the active entries among these; return which ones they are."""
        changed = list[int]()
        for chunk in chunks(possible_ids(ids)):
            found = self._ids_where(EntryRow, EntryRow.id.in_(chunk), ACTIVE, *conditions)
            self._set(EntryRow, found, **columns)
            self._log("entry", "changed", found)
            changed += found
        return changed
