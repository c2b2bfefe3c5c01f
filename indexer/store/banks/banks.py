"""Reading the banks: what they are called, and how many entries they hold."""

import difflib
from typing import Any, NoReturn

from sqlalchemy import Select, func, select

from indexer.errors import NotFoundError
from indexer.store.banks.conditions import ACTIVE
from indexer.store.models import BankRow, EntryRow
from indexer.store.queries import Queries
from indexer.store.sql_parameters import MAX_ID
from indexer.types import Bank, BankKind, Severity

_THERE = BankRow.removed_at.is_(None)
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

    def require_block(self, name: str) -> int:
        """Return the id of a block bank.

        Raises
        ------
        NotFoundError
            There is no such bank, or it is an allow bank.
        """
        bank_id = self.id_of(name)
        if not self._count(BankRow, BankRow.id == bank_id, _BLOCK):
            raise NotFoundError(
                f"Bank {name} is an allow bank: it excuses, and holds no content to be matched."
            )
        return bank_id

    def _banks(self, statement: Select[Any]) -> list[Bank]:
        return [
            Bank(
                id=row.id,
                name=row.name,
                kind=BankKind(row.kind),
                created_at=row.created_at,
                entry_count=row.entry_count,
                enabled=row.enabled,
                category=row.category,
                severity=Severity(row.severity) if row.severity else None,
                notes=row.notes,
                owner=row.owner,
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


def _select_banks() -> Select[Any]:
    entries = (
        select(func.count())
        .select_from(EntryRow)
        .where(EntryRow.bank_id == BankRow.id, ACTIVE)
        .scalar_subquery()
    )
    return select(BankRow.__table__, entries.label("entry_count")).where(_THERE)
