"""Lists: the entries of a bank that a list adds, changes and withdraws."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

import numpy as np
from sqlalchemy import Row, bindparam, select, update

from indexer.store.banks.conditions import ACTIVE
from indexer.store.banks.entry_edits import EntryEdits
from indexer.store.edits import Edits, Transaction
from indexer.store.models import EntryRow
from indexer.store.queries import Queries
from indexer.store.sql_parameters import MAX_ID
from indexer.store.values import RemovedBy
from indexer.types import FingerprintKind, Keys, ListedFingerprint, WithdrawnFingerprint

_LISTED = (EntryRow.fingerprint_kind, EntryRow.fingerprint, EntryRow.notes, EntryRow.labels)
ListItem = ListedFingerprint | WithdrawnFingerprint
_Key = tuple[str, str]  # external id and kind
_Wanted = Mapping[_Key, ListedFingerprint | None]  # None: withdrawn


@dataclass(slots=True)
class ListPlan:
    """What a stretch of one source's list changes in a bank."""

    source: str
    added: list[ListedFingerprint] = field(default_factory=list)
    updated: dict[int, ListedFingerprint] = field(default_factory=dict)
    """By entry id: what the list now says otherwise."""
    revived: dict[int, ListedFingerprint] = field(default_factory=dict)
    """By entry id: what the list had withdrawn and holds again."""
    removed: list[int] = field(default_factory=list)
    """Ids of the entries that the list withdraws."""
    unchanged: list[int] = field(default_factory=list)
    """Ids of the entries that are as the list has them."""
    kept_removed: int = 0
    """Entries that the list holds and that a person removed."""

    @property
    def listed(self) -> int:
        """How many entries the list holds."""
        there = len(self.added) + len(self.updated) + len(self.revived) + len(self.unchanged)
        return there + self.kept_removed

    def enter(self, item: ListedFingerprint, row: Row[Any] | None) -> None:
        """Take in what the list holds; `row` is what there is or was of it."""
        if row is None:
            self.added.append(item)
        elif row.removed_by == RemovedBy.USER.value:
            self.kept_removed += 1
        elif row.removed_by is not None:
            self.revived[row.id] = item
        elif row[: len(_LISTED)] != tuple(listed_columns(item).values()):
            self.updated[row.id] = item
        else:
            self.unchanged.append(row.id)

    def withdraw(self, row: Row[Any] | None) -> None:
        """Take in what the list does not hold; `row` is what there is or was of it."""
        if row is not None and row.removed_by is None:
            self.removed.append(row.id)


class Lists(Queries):
    """What banks have of lists within one transaction."""

    def plan(self, bank_id: int, items: Sequence[ListItem], default_source: str) -> list[ListPlan]:
        """Compare a stretch of a list with what the bank has of the same sources.

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
            One for each source.
        """
        by_source: defaultdict[str, dict[_Key, ListedFingerprint | None]] = defaultdict(dict)
        for item in items:
            wanted = by_source[item.source or default_source]
            if isinstance(item, ListedFingerprint):
                wanted[item.external_id, item.fingerprint.kind.value] = item
            else:
                for kind in [item.kind] if item.kind else FingerprintKind:
                    wanted[item.external_id, kind.value] = None
        return [self._plan(bank_id, source, wanted) for source, wanted in by_source.items()]

    def entry_ids(
        self,
        bank_id: int,
        sources: Collection[str],
        *,
        after_id: int = 0,
        up_to_id: int = MAX_ID,
        limit: int = 10_000,
    ) -> Keys:
        """Return a page of the active entries that a bank has of some sources, by id.

        Parameters
        ----------
        bank_id : int
        sources : collection of str
        after_id : int
            Last id of the page before.
        up_to_id : int
            Last id that is looked at.
        limit : int
            Most ids of a page.

        Returns
        -------
        ndarray of shape (n,), int64
            Ascending.
        """
        statement = (
            select(EntryRow.id)
            .where(
                EntryRow.bank_id == bank_id,
                EntryRow.source.in_(sources),
                EntryRow.id > after_id,
                EntryRow.id <= up_to_id,
                ACTIVE,
            )
            .order_by(EntryRow.id)
            .limit(limit)
        )
        return np.fromiter(self._connection.scalars(statement), np.int64)

    def _plan(self, bank_id: int, source: str, wanted: _Wanted) -> ListPlan:
        held = {
            (row.external_id, row.fingerprint_kind): row
            for row in self._of_source(bank_id, source, {key[0] for key in wanted})
        }
        plan = ListPlan(source)
        for key, item in wanted.items():
            if item is None:
                plan.withdraw(held.get(key))
            else:
                plan.enter(item, held.get(key))
        return plan

    def _of_source(
        self, bank_id: int, source: str, external_ids: Iterable[str]
    ) -> Iterator[Row[Any]]:
        """Yield what the bank has, or had, of a source under these ids."""
        others = (EntryRow.id, EntryRow.external_id, EntryRow.removed_by)
        columns: tuple[Any, ...] = (*_LISTED, *others)
        of_source = (EntryRow.bank_id == bank_id, EntryRow.source == source)
        yield from self._rows(
            select(*columns).where(*of_source), EntryRow.external_id, external_ids
        )


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


def listed_columns(item: ListedFingerprint) -> dict[str, Any]:
    """Return the columns of an entry that a list fills, in the order of `_LISTED`."""
    return {
        "fingerprint_kind": item.fingerprint.kind.value,
        "fingerprint": item.fingerprint.value,
        "notes": item.notes,
        "labels": list(item.labels) or None,
    }


def _counted(plan: ListPlan) -> dict[str, Any] | None:
    """Say how many entries of a source were written; None when there were none."""
    counts = {
        name: len(getattr(plan, name))
        for name in ("added", "updated", "revived", "removed")
        if getattr(plan, name)
    }
    return {"source": plan.source, **counts} if counts else None
