"""Reading the banks: what they are called and what they hold."""

import difflib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import func, select

from indexer.errors import NotFoundError
from indexer.store.models import OF_BANKS, BankRow, ChangeRow, EntryRow
from indexer.store.queries import Queries
from indexer.types import Bank, BankKind


class BankQueries(Queries):
    """The banks within one transaction; `Catalog` has the rest."""

    def banks(self) -> list[Bank]:
        """Return all banks by name, with the number of their active entries."""
        entries = (
            select(func.count())
            .select_from(EntryRow)
            .where(EntryRow.bank_id == BankRow.id, EntryRow.removed_at.is_(None))
            .scalar_subquery()
        )
        statement = select(
            BankRow.id, BankRow.name, BankRow.kind, BankRow.created_at, entries
        ).order_by(BankRow.name)
        return [
            Bank(bank_id, name, BankKind(kind), created_at, entry_count)
            for bank_id, name, kind, created_at, entry_count in self._connection.execute(statement)
        ]

    def bank(self, name: str) -> Bank:
        """Return a bank by name.

        Raises
        ------
        NotFoundError
            There is no such bank; the error names those with a similar name.
        """
        banks = {bank.name: bank for bank in self.banks()}
        if name not in banks:
            near = difflib.get_close_matches(name, banks, n=3)
            hint = f"Did you mean {' or '.join(near)}? " if near else ""
            raise NotFoundError(
                f"There is no bank {name!r}. {hint}`lookalike bank list` shows the banks, "
                "`lookalike bank create` makes one."
            )
        return banks[name]

    def entry_image_ids(self, bank_names: Sequence[str] | None = None) -> NDArray[np.int64]:
        """Return the ids of the images that are active entries of these banks.

        Parameters
        ----------
        bank_names : sequence of str, optional
            All banks when None.

        Returns
        -------
        ndarray of shape (n,), int64
            Sorted, each once.

        Raises
        ------
        NotFoundError
            There is no bank of one of the names.
        """
        statement = (
            select(EntryRow.image_id)
            .where(EntryRow.removed_at.is_(None))
            .distinct()
            .order_by(EntryRow.image_id)
        )
        if bank_names is not None:
            bank_ids = [self.bank(name).id for name in bank_names]
            statement = statement.where(EntryRow.bank_id.in_(bank_ids))
        return np.fromiter(self._connection.scalars(statement), np.int64)

    def last_bank_change(self) -> int:
        """Return the number of the last change of a bank or an entry; 0 when there was none.

        While it stays the same, what the banks hold stays the same.
        """
        statement = select(func.max(ChangeRow.number)).where(OF_BANKS)
        number: int | None = self._connection.scalar(statement)
        return number or 0
