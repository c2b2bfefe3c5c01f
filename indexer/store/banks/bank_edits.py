"""Making, describing, disabling and removing banks."""

import re

from sqlalchemy import update

from indexer.errors import BankExists, BankMismatch, InvalidName
from indexer.store.banks.banks import Banks
from indexer.store.banks.conditions import ACTIVE
from indexer.store.edits import Edits
from indexer.store.models import BankRow, EntryRow
from indexer.store.values import BankDetails, RemovedBy
from indexer.types import Bank, BankKind

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
_UNSAID = BankDetails()


class BankEdits(Banks, Edits):
    """The banks within a writing transaction."""

    def create(self, name: str, kind: BankKind, details: BankDetails = _UNSAID) -> Bank:
        """Return the bank of this name as it is; make it when there is none.

        Parameters
        ----------
        name : str
            Letters, digits, `_`, `.` and `-`, at most 64, not starting with `.` or `-`.
        kind : BankKind
        details : BankDetails
            Of a new bank.

        Raises
        ------
        InvalidName
            The name is not of that form.
        BankMismatch
            The bank exists with the other kind.
        """
        _check_name(name)
        known = {bank.name: bank for bank in self.all()}.get(name)
        if known is None:
            row = {"name": name, "kind": kind.value, "created_at": self._now}
            self._insert(BankRow, [row | details.columns()])
            bank = self.get(name)
            self._log.append("bank", "added", [bank.id])
            self._audit.record("bank.create", "bank", bank.id, name=name, kind=kind.value)
            return bank
        if known.kind != kind:
            raise BankMismatch(
                f"Bank {name} exists and is of kind {known.kind}, not {kind}. Choose another name, "
                f"or leave the kind at {known.kind}."
            )
        return known

    def edit(
        self, name: str, *, enabled: bool | None = None, details: BankDetails = _UNSAID
    ) -> Bank:
        """Change what is said of a bank; what is not said stays as it is.

        Parameters
        ----------
        name : str
        enabled : bool, optional
            Whether its entries count, from the next query on.
        details : BankDetails

        Raises
        ------
        NotFoundError
            There is no such bank.
        """
        before = self.get(name)
        columns = details.columns()
        if enabled is not None:
            columns["enabled"] = enabled
        changed = sorted(key for key, value in columns.items() if getattr(before, key) != value)
        if changed:
            self._set(BankRow, [before.id], **columns)
            self._log.append("bank", "changed", [before.id])
            said = {"name": name, "changed": changed}
            if "enabled" in changed:
                self._audit.record(
                    f"bank.{'enable' if enabled else 'disable'}", "bank", before.id, **said
                )
            else:
                self._audit.record("bank.edit", "bank", before.id, **said)
        return self.get(name)

    def remove(self, name: str) -> int:
        """Remove a bank with all its entries; return how many it had. Its images stay.

        The name is free again: a new bank of that name knows nothing of this one.

        Raises
        ------
        NotFoundError
            There is no such bank.
        """
        bank_id = self.id_of(name)
        there = (EntryRow.bank_id == bank_id, ACTIVE)
        removed = self._log.append_entries_where("removed", *there)
        gone = {"removed_at": self._now, "removed_by": RemovedBy.USER.value}
        self._connection.execute(update(EntryRow).where(*there).values(gone))
        self._set(BankRow, [bank_id], removed_at=self._now)
        self._log.append("bank", "removed", [bank_id])
        self._audit.record("bank.remove", "bank", bank_id, name=name, entries=removed)
        return removed

    def rename(self, name: str, new_name: str) -> None:
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
        bank_id = self.id_of(name)
        if new_name == name:
            return
        _check_name(new_name)
        self.require_free(new_name)
        self._set(BankRow, [bank_id], name=new_name)
        self._log.append("bank", "changed", [bank_id])
        self._audit.record("bank.rename", "bank", bank_id, name=name, new_name=new_name)

    def require_free(self, name: str) -> None:
        """Make sure that no bank has this name.

        Raises
        ------
        BankExists
            One has.
        """
        if self.has(name):
            raise BankExists(f"Bank {name} already exists. Choose another name.")


def _check_name(name: str) -> None:
    """Make sure that a bank may be called so.

    Raises
    ------
    InvalidName
        It may not.
    """
    if not _NAME.fullmatch(name):
        raise InvalidName(
            f"{name!r} cannot be a bank's name. Use 1 to 64 letters (a-z, A-Z), digits, '_', "
            "'.' and '-', starting with a letter, a digit or '_'."
        )
