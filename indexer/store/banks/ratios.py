"""Sampling ratios: the share of lookups that a bank or signal type takes part in."""

from typing import Any

from sqlalchemy import case, func, select

from indexer.errors import InputError
from indexer.store.banks.banks import BankEdits
from indexer.store.edits import Edits, Transaction
from indexer.store.models import BankRatioRow, BankRow, SignalTypeRow
from indexer.store.queries import Queries
from indexer.types import BankKind

RATIO = case((BankRow.enabled, func.coalesce(BankRatioRow.ratio, 1.0)), else_=0.0)
"""The share of a bank; needs an outer join with `BankRatioRow`."""


class Ratios(Queries):
    """The shares within one transaction; each lies between 0 and 1."""

    def of_banks(self) -> dict[str, float]:
        """Return the share of lookups that each block bank takes part in, by name; 0 if disabled.

        Allow banks accuse nobody, so they have none.
        """
        statement = (
            select(BankRow.name, RATIO)
            .outerjoin(BankRatioRow, BankRatioRow.bank_id == BankRow.id)
            .where(BankRow.removed_at.is_(None), BankRow.kind == BankKind.BLOCK.value)
            .order_by(BankRow.name)
        )
        return dict(self._connection.execute(statement).all())

    def of_signal_types(self) -> dict[str, float]:
        """Return the shares that were set for signal types, by name."""
        statement = select(SignalTypeRow.name, SignalTypeRow.ratio)
        return dict(self._connection.execute(statement).all())


class RatioEdits(Ratios, Edits):
    """The shares within a writing transaction."""

    def __init__(self, transaction: Transaction, banks: BankEdits) -> None:
        super().__init__(transaction)
        self._banks = banks

    def create_bank(self, name: str, ratio: float) -> None:
        """Make a block bank that takes part in a share of the lookups.

        Raises
        ------
        InvalidName
            It cannot be a bank's name.
        BankExists
            There is a bank of this name.
        """
        self._banks.require_free(name)
        self._banks.create(name, BankKind.BLOCK)
        self.set_bank(name, ratio)

    def set_bank(self, name: str, ratio: float) -> None:
        """Let a bank take part in a share of the lookups; with 0 it is disabled, else enabled.

        One that is disabled keeps the share that it had, for when it is enabled again.

        Raises
        ------
        NotFoundError
            There is no such bank.
        InputError
            It is not a share.
        """
        bank_id = self._banks.id_of(name)
        share = _share(ratio)
        if ratio > 0:
            self._replace(BankRatioRow, {"bank_id": bank_id}, share)
            self._audit.record("bank.edit", "bank", bank_id, name=name, ratio=ratio)
        self._banks.edit(name, enabled=ratio > 0)

    def set_signal_type(self, name: str, ratio: float) -> None:
        """Set the share of a signal type; 0 switches it off.

        Raises
        ------
        InputError
            It is not a share.
        """
        self._replace(SignalTypeRow, {"name": name}, _share(ratio))
        self._audit.record("signal_type.edit", "signal_type", name, ratio=ratio)


def _share(ratio: float) -> dict[str, Any]:
    if not 0 <= ratio <= 1:
        raise InputError(f"The ratio must be from 0 to 1, got {ratio}.")
    return {"ratio": ratio}
