"""SQL conditions of entries: active, and in force at a moment."""

from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, and_, bindparam, or_, select

from indexer.store.models import BankRow, EntryRow

ACTIVE = EntryRow.removed_at.is_(None)
"""Entries that are there, disabled ones too."""

IN_FORCE: Final = and_(
    ACTIVE,
    or_(EntryRow.disabled_until.is_(None), EntryRow.disabled_until <= bindparam("at")),
    EntryRow.bank_id.in_(select(BankRow.id).where(BankRow.enabled)),
)
"""That an entry counts at the moment `at`, which is given when the statement is executed: it is
there, and nobody disabled it."""


def idle(at: datetime) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Make the conditions of which an entry that is there but does not count satisfies one.

    Two conditions rather than one, because each of them has an index of its own.
    """
    of_disabled_bank = EntryRow.bank_id.in_(select(BankRow.id).where(~BankRow.enabled))
    return and_(ACTIVE, EntryRow.disabled_until > at), and_(ACTIVE, of_disabled_bank)
