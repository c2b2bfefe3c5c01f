"""Bringing what a bank has of a list up to date, thousands of entries at a time."""

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any

from sqlalchemy import bindparam, update

from indexer.store.banks.entry_edits import EntryEdits
from indexer.store.banks.lists import ListItem, ListPlan, Lists, listed_columns
from indexer.store.edits import Edits, Transaction
from indexer.store.models import EntryRow
from indexer.store.values import RemovedBy
from indexer.types import ListedFingerprint


class ListEdits(Lists, Edits):
    """What banks have of lists within a writing transaction."""

    def __init__(self, transaction: Transaction, entries: EntryEdits) -> None:
        super().__init__(transaction)
        self._entries = entries

    def upsert(
        self, bank_id: int, items: Sequence[ListItem], default_source: str
    ) -> list[ListPlan]:
        """Make a bank hold what a stretch of a list holds, and no longer what it withdraws.

        Entries are known by source, external id and kind. What is there already is brought up to
        date; what its source had withdrawn comes back; what a person removed stays removed.

        Parameters
        ----------
        bank_id : int
        items : sequence of ListedFingerprint or WithdrawnFingerprint
            Where two are of the same source, external id and kind, the later one counts.
        default_source : str
            Source of the items that name none.

        Returns
        -------
        list of ListPlan
            What was done, one for each source.

        Raises
        ------
        NotFoundError
            There is no such bank.
        """
        self._require_bank(bank_id)
        plans = self.plan(bank_id, items, default_source)
        for plan in plans:
            self._add_listed(bank_id, plan)
            self._update_listed(plan.updated)
            self._log.append("entry", "changed", plan.updated)
            self._update_listed(plan.revived, removed_at=None, removed_by=None)
            self._log.append("entry", "added", plan.revived)
            self._entries.withdraw(plan.removed, RemovedBy.SOURCE)
        done = [counted for plan in plans if (counted := _counted(plan))]
        if done:
            self._audit.record("list.import", "bank", bank_id, sources=done)
        return plans

    def _add_listed(self, bank_id: int, plan: ListPlan) -> None:
        # in the order of the indexes: in that of the list SQLite wrote three times as much
        added = sorted(plan.added, key=attrgetter("external_id"))
        rows = [
            {
                "bank_id": bank_id,
                "source": plan.source,
                "external_id": item.external_id,
                "created_at": self._now,
            }
            | listed_columns(item)
            for item in added
        ]
        if rows:
            last = self._entries.last_id()
            self._insert(EntryRow, rows)
            # only ours are newer: nobody else writes while we hold the log's lock
            self._log.append_entries_where("added", EntryRow.id > last)

    def _update_listed(self, items: Mapping[int, ListedFingerprint], **columns: Any) -> None:
        """Set what the list says of entries, by id, and the same columns of all of them."""
        rows = [{"entry_id": key} | listed_columns(item) | columns for key, item in items.items()]
        if rows:
            statement = update(EntryRow).where(EntryRow.id == bindparam("entry_id"))
            self._connection.execute(statement, rows)


def _counted(plan: ListPlan) -> dict[str, Any] | None:
    """Say how many entries of a source were written; None when there were none."""
    counts = {
        name: len(getattr(plan, name))
        for name in ("added", "updated", "revived", "removed")
        if getattr(plan, name)
    }
    return {"source": plan.source, **counts} if counts else None
