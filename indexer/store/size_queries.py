"""Reading what a running server tells of its index: how far the log is, how much there is."""

from datetime import datetime

from sqlalchemy import func, select

from indexer.store.entry_conditions import ACTIVE
from indexer.store.models import ChangeRow, EntryRow, ImageRow
from indexer.store.quarantine_queries import QuarantineQueries
from indexer.store.values import Sizes


class SizeQueries(QuarantineQueries):
    """Sizes within one transaction; `Catalog` has the rest."""

    def sizes(self) -> Sizes:
        """Count images, entries and the quarantine: a walk over an index of each."""
        return Sizes(
            images=self._count(ImageRow, ImageRow.removed_at.is_(None)),
            entries=self._count(EntryRow, ACTIVE),
            quarantined_by_code=self._quarantined_by_code(),
        )

    def changes_after(self, number: int) -> tuple[int, datetime | None]:
        """Return how many changes came after a change, and when the first of them was made."""
        head = self._connection.scalar(select(func.max(ChangeRow.number))) or 0
        made = select(ChangeRow.created_at).where(ChangeRow.number == number + 1)
        return max(0, head - number), self._connection.scalar(made)
