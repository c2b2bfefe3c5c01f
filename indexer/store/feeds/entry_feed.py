"""Feed of the entries that are bare PDQ fingerprints."""

from collections.abc import Sequence
from typing import Any, ClassVar

from sqlalchemy import Executable, Select, select

from indexer.store.banks.conditions import ACTIVE
from indexer.store.feeds.feed import Feed, Ids, stack_bits
from indexer.store.models import EntryRow
from indexer.types import FingerprintKind, Vectors


class EntryPdqFeed(Feed):
    """The log for a view of the entries that are bare PDQ hashes: vectors of shape (n, 32) uint8.

    Keys are ids of entries. Removed ones leave the view; disabled ones, and those of disabled
    banks, stay in it: time passes without a change, so who searches must say which of them count.
    """

    subject: ClassVar[str] = "entry"

    def _present(self, ids: Ids) -> Executable:
        return (
            self._select(EntryRow.id, EntryRow.fingerprint)
            .where(EntryRow.id.in_(ids))
            .order_by(EntryRow.id)
        )

    def _holders(self) -> Executable:
        return self._select(EntryRow.id)

    def _select(self, *columns: Any) -> Select[Any]:
        return select(*columns).where(
            EntryRow.fingerprint_kind == FingerprintKind.PDQ.value, ACTIVE
        )

    def _stack(self, values: Sequence[bytes]) -> Vectors:
        return stack_bits(values)
