"""Banks: what they are called, and how many entries they hold."""

import difflib
import re
from typing import Any, NoReturn

from sqlalchemy import Select, func, select, update

from indexer.errors import BankExists, BankMismatch, InvalidName, NotFoundError
from indexer.store.banks.conditions import ACTIVE
from indexer.store.banks.variant_removal import IS_VARIANT, VariantRemoval
from indexer.store.edits import Edits, Transaction
from indexer.store.models import BankRow, EntryRow, PartRow
from indexer.store.queries import Queries, from_row
from indexer.store.reviews.item_edits import ReviewItemEdits
from indexer.store.sql_parameters import MAX_ID
from indexer.store.values import BankDetails, RemovedBy
from indexer.types import Bank, BankKind, Severity

_THERE = BankRow.removed_at.is_(None)
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
_UNSAID = BankDetails()
_GRAVE = select(BankRow.name, BankRow.severity).where(_THERE, BankRow.severity.is_not(None))
_BLOCK = BankRow.kind == BankKind.BLOCK.value


class Banks(Queries):
    """The banks within one transaction."""

    def all(self) -> list[Bank]:
        """Return all banks by name, with the number of their active entries."""
        return self._banks(_select_banks().order_by(BankRow.name))

    def page(self, *, after_id: int = 0, limit: int = 100) -> list[Bank]:
        """Return a page of the banks, oldest first, with the number of their active entries."""
        behind = _select_banks().where(BankRow.id > min(after_id, MAX_ID))
        return self._banks(behind.order_by(BankRow.id).limit(limit))

    def get(self, name: str) -> Bank:
        """Return a bank by name, with the number of its active entries, which are counted.

        Raises
        ------
        NotFoundError
            There is no such bank; the error names those with a similar name.
        """
        found = self._banks(_select_banks().where(BankRow.name == name))
        return found[0] if found else self._lack_bank(name)

    def id_of(self, name: str) -> int:
        """Return the id of a bank, without counting what it holds.

        Raises
        ------
        NotFoundError
            There is no such bank; the error names those with a similar name.
        """
        found = self._connection.scalar(select(BankRow.id).where(BankRow.name == name, _THERE))
        return self._lack_bank(name) if found is None else found

    def has(self, name: str) -> bool:
        """Tell whether there is a bank of this name, of either kind."""
        return self._count(BankRow, BankRow.name == name, _THERE) > 0

    def severities(self) -> dict[str, Severity]:
        """Return how grave it is to match each bank that says so, by name."""
        found = self._connection.execute(_GRAVE)
        return {name: Severity(severity) for name, severity in found if severity}

    def require_block(self, name: str) -> int:
        """Return the id of a block bank.

        Raises
        ------
        NotFoundError
            There is no such bank, or it is an allow bank.
        """
        bank_id = self.id_of(name)
        if not self._count(BankRow, BankRow.id == bank_id, _BLOCK):
            raise NotFoundError(f"Bank {name} is an allow bank, and holds no content to match.")
        return bank_id

    def _banks(self, statement: Select[Any]) -> list[Bank]:
        return [
            from_row(
                Bank,
                row,
                kind=BankKind(row.kind),
                severity=Severity(row.severity) if row.severity else None,
            )
            for row in self._connection.execute(statement)
        ]

    def _lack_bank(self, name: str) -> NoReturn:
        names = self._connection.scalars(select(BankRow.name).where(_THERE)).all()
        near = difflib.get_close_matches(name, names, n=3)
        hint = f"Did you mean {' or '.join(near)}? " if near else ""
        raise NotFoundError(
            f"There is no bank {name!r}. {hint}`lookalike bank list` shows the banks, "
            "`lookalike bank create` makes one."
        )


class BankEdits(Banks, Edits):
    """The banks within a writing transaction."""

    def __init__(self, transaction: Transaction, reviews: ReviewItemEdits) -> None:
        super().__init__(transaction)
        self._reviews = reviews
        self._variants = VariantRemoval(transaction)

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
                f"Bank {name} already exists with kind {known.kind}, not {kind}. Choose "
                f"another name, or use kind {known.kind}."
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
        """Remove a bank with all its entries and their variants; return how many entries it had.

        Its images stay, and so do the variants of those that another block bank holds.

        The name is free again: a new bank of that name knows nothing of this one.

        Raises
        ------
        NotFoundError
            There is no such bank.
        """
        bank_id = self.id_of(name)
        there = (EntryRow.bank_id == bank_id, ACTIVE)
        of_bank = select(PartRow.image_id).join(EntryRow, EntryRow.image_id == PartRow.image_id)
        hardened = {*self._connection.scalars(of_bank.where(IS_VARIANT, *there))}
        removed = self._log.append_entries_where("removed", *there)
        gone = {"removed_at": self._now, "removed_by": RemovedBy.USER.value}
        self._connection.execute(update(EntryRow).where(*there).values(gone))
        self._set(BankRow, [bank_id], removed_at=self._now)
        self._reviews.dismiss_bank(bank_id)
        self._variants.drop_unless_banked(hardened)
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


def _select_banks() -> Select[Any]:
    entries = (
        select(func.count())
        .select_from(EntryRow)
        .where(EntryRow.bank_id == BankRow.id, ACTIVE)
        .scalar_subquery()
    )
    return select(BankRow.__table__, entries.label("entry_count")).where(_THERE)


def _check_name(name: str) -> None:
    """Make sure that a bank may be called so.

    Raises
    ------
    InvalidName
        It may not.
    """
    if not _NAME.fullmatch(name):
        raise InvalidName(
            f"{name!r} is not a valid bank name. Use 1 to 64 letters (a-z, A-Z), digits, "
            "'_', '.' and '-', starting with a letter, a digit or '_'."
        )
