"""Changing contents, and the shares of lookups that banks and signal types take part in."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, insert, select, update

from indexer.errors import BankExists, InputError
from indexer.store.bank_edits import BankEdits, check_bank_name
from indexer.store.entry_edits import EntryEdits
from indexer.store.models import BankRatioRow, BankRow, ContentRow, EntryRow, SignalTypeRow
from indexer.types import BankKind, ContentMetadata, DisabledReason, Fingerprint


class ContentEdits(BankEdits, EntryEdits):
    """What edits contents; `Writer` has the rest."""

    def create_block_bank(self, name: str, ratio: float) -> None:
        """Make a block bank that takes part in a share of the lookups.

        Raises
        ------
        InvalidName
            It cannot be a bank's name.
        BankExists
            There is a bank of this name.
        """
        self._require_free(name)
        self.create_bank(name, BankKind.BLOCK)
        self.set_bank_ratio(name, ratio)

    def set_bank_ratio(self, name: str, ratio: float) -> None:
        """Let a bank take part in a share of the lookups; with 0 it is disabled, else enabled.

        One that is disabled keeps the share that it had, for when it is enabled again.

        Raises
        ------
        NotFoundError
            There is no such bank.
        InputError
            It is not a share.
        """
        bank_id = self.bank_id(name)
        share = _share(ratio)
        if ratio > 0:
            self._replace(BankRatioRow, {"bank_id": bank_id}, share)
            self._audit("bank.edit", "bank", bank_id, name=name, ratio=ratio)
        self.edit_bank(name, enabled=ratio > 0)

    def set_signal_type_ratio(self, name: str, ratio: float) -> None:
        """Set the share of a signal type; 0 switches it off.

        Raises
        ------
        InputError
            It is not a share.
        """
        self._replace(SignalTypeRow, {"name": name}, _share(ratio))
        self._audit("signal_type.edit", "signal_type", name, ratio=ratio)

    def rename_bank(self, name: str, new_name: str) -> None:
        """Give a bank another name; its entries stay.

        Raises
        ------
        NotFoundError
            There is no such bank.
        InvalidName
            It cannot be a bank's name.
        BankExists
            Another bank has the new name.
        """
        bank_id = self.bank_id(name)
        if new_name == name:
            return
        check_bank_name(new_name)
        self._require_free(new_name)
        self._set(BankRow, [bank_id], name=new_name)
        self._log("bank", "changed", [bank_id])
        self._audit("bank.rename", "bank", bank_id, name=name, new_name=new_name)

    def add_fingerprints(self, bank_id: int, fingerprints: Sequence[Fingerprint]) -> int:
        """Make bare fingerprints of one thing entries of a bank; return the content that they are.

        Those that the bank holds already stay what they are, and the others join them.

        Raises
        ------
        NotFoundError
            There is no such bank.
        """
        last = self._connection.scalar(select(func.max(EntryRow.id))) or 0
        ids = [self.add_fingerprint(bank_id, fingerprint) for fingerprint in fingerprints]
        (first,) = self.content_entries((), [min(ids)])
        for entry_id in ids:
            if entry_id > last and entry_id != first.content_id:
                self._replace(ContentRow, {"entry_id": entry_id}, {"content_id": first.content_id})
        return first.content_id

    def describe_content(
        self, content_id: int, metadata: ContentMetadata | None, note: str | None
    ) -> None:
        """Say something of a content; None leaves what was said before, an empty note clears it.

        Parameters
        ----------
        content_id : int
            Of an active content.
        metadata : ContentMetadata, optional
        note : str, optional
        """
        if metadata is not None:
            said = {"named": metadata.content_id, "uri": metadata.content_uri}
            self._replace(
                ContentRow,
                {"entry_id": content_id},
                {"content_id": content_id, **said, "details": metadata.json},
            )
        if metadata is not None or note is not None:
            self._audit("entry.describe", "entry", content_id)
        if note is not None:
            ids = [row.id for row in self._content_rows(content_id)]
            self._set(EntryRow, ids, notes=note or None)

    def disable_content(self, content_id: int, until: datetime | None) -> None:
        """Let a content match nothing until a moment, or again at once when it is None."""
        ids = [row.id for row in self._content_rows(content_id)]
        if until is None:
            self.enable_entries(ids)
        else:
            self.disable_entries(ids, until, DisabledReason.BY_HAND)

    def remove_content(self, bank_name: str, content_id: int) -> int:
        """Remove a content with what was said of it; return how many there were: 1 or 0.

        Raises
        ------
        NotFoundError
            There is no such block bank.
        """
        self.require_block_bank(bank_name)
        rows = [row for row in self._content_rows(content_id) if row.bank == bank_name]
        ids = [row.id for row in rows]
        self._connection.execute(delete(ContentRow).where(ContentRow.entry_id.in_(ids)))
        return min(1, self.remove_entries(ids))

    def _require_free(self, name: str) -> None:
        if self._ids_where(BankRow, BankRow.name == name, BankRow.removed_at.is_(None)):
            raise BankExists(f"Bank {name} already exists. Choose another name.")

    def _replace(
        self,
        table: type[BankRatioRow] | type[SignalTypeRow] | type[ContentRow],
        key: dict[str, Any],
        values: dict[str, Any],
    ) -> None:
        """Write a row in place of the one of the same key; the log's lock keeps others out."""
        ((name, value),) = key.items()
        mine = table.__table__.c[name] == value
        if not self._connection.execute(update(table).where(mine).values(values)).rowcount:
            self._connection.execute(insert(table).values(key | values))


def _share(ratio: float) -> dict[str, Any]:
    if not 0 <= ratio <= 1:
        raise InputError(f"The ratio is {ratio}; it is a share and lies between 0 and 1.")
    return {"ratio": ratio}
