"""Entries of banks: images, and bare fingerprints."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final

import numpy as np
from sqlalchemy import ColumnElement, Connection, Executable, Row, Select, bindparam, func, select

from indexer.errors import NotFoundError
from indexer.store.banks.banks import Banks
from indexer.store.banks.conditions import ACTIVE, IN_FORCE, idle
from indexer.store.models import BankRow, ChangeRow, EntryRow
from indexer.store.queries import IDS, Queries, from_row
from indexer.store.sql_parameters import MAX_ID, chunks, possible_ids
from indexer.types import (
    BankKind,
    DisabledReason,
    Entry,
    EntryRecord,
    Fingerprint,
    FingerprintKind,
    Keys,
    Severity,
)

_BARE_PDQ = EntryRow.fingerprint_kind == FingerprintKind.PDQ.value
# These are made once: SQLAlchemy takes longer to make a statement than SQLite to answer it.
_COUNTING: Final = (
    select(
        EntryRow.id,
        BankRow.name,
        BankRow.kind,
        EntryRow.image_id,
        EntryRow.fingerprint_kind,
        EntryRow.fingerprint,
    )
    .join(BankRow, BankRow.id == EntryRow.bank_id)
    .where(IN_FORCE)
    .order_by(EntryRow.id)
)
_COUNTING_BY_ID: Final = _COUNTING.where(EntryRow.id.in_(IDS))
_COUNTING_BY_FINGERPRINT: Final = _COUNTING.where(
    EntryRow.fingerprint_kind == bindparam("kind"), EntryRow.fingerprint.in_(bindparam("values"))
)


class Entries(Queries):
    """The entries within one transaction.

    Which entries count is asked of a moment: `at` is the query's.
    """

    def page(self, bank_name: str, *, after_id: int = 0, limit: int = 100) -> list[EntryRecord]:
        """Return a page of the active entries of a bank, disabled ones too, ordered by id.

        Parameters
        ----------
        bank_name : str
        after_id : int
            Last id of the page before.
        limit : int
            Most entries of a page.

        Raises
        ------
        NotFoundError
            There is no such bank.
        """
        statement = (
            _select_records()
            .where(EntryRow.bank_id == Banks(self._connection).id_of(bank_name), ACTIVE)
            .where(EntryRow.id > min(after_id, MAX_ID))
            .order_by(EntryRow.id)
            .limit(limit)
        )
        return [_record(row) for row in self._connection.execute(statement)]

    def get(self, entry_id: int) -> EntryRecord:
        """Return one active entry, even if it is disabled.

        Raises
        ------
        NotFoundError
            No active entry has this id.
        """
        for record in self._records([entry_id]):
            return record
        raise NotFoundError(
            f"No bank has an entry {entry_id}. `lookalike bank show` lists the entries of a bank.",
            brief=f"No bank has an entry {entry_id} any more.",
        )

    def severity_of(self, entry_id: int) -> Severity | None:
        """Return how grave the bank of an entry is; None if nobody said so, or there is none."""
        statement = (
            select(BankRow.severity)
            .join(EntryRow, EntryRow.bank_id == BankRow.id)
            .where(EntryRow.id == min(entry_id, MAX_ID))
        )
        severity = self._connection.scalar(statement)
        return None if severity is None else Severity(severity)

    def of_image(self, bank_name: str, image_id: int) -> EntryRecord:
        """Return the active entry of a bank that is an image, even if it is disabled.

        Raises
        ------
        NotFoundError
            There is no such bank, or the image is no entry of it.
        """
        statement = _select_records().where(
            EntryRow.bank_id == Banks(self._connection).id_of(bank_name),
            EntryRow.image_id == min(image_id, MAX_ID),
            ACTIVE,
        )
        for row in self._connection.execute(statement):
            return _record(row)
        raise NotFoundError(
            f"Image {image_id} is not an entry of bank {bank_name}. `lookalike bank show "
            f"{bank_name}` lists its entries."
        )

    def of_bank(self, bank_name: str, ids: Collection[int]) -> list[EntryRecord]:
        """Return active entries of a bank, disabled ones too, ordered by id.

        Raises
        ------
        NotFoundError
            There is no such bank, or one of the ids is no active entry of it.
        """
        bank_id = Banks(self._connection).id_of(bank_name)
        found = list(self._records(ids, EntryRow.bank_id == bank_id))
        if missing := sorted(set(ids) - {record.id for record in found}):
            raise NotFoundError(
                f"Bank {bank_name} has no entry {', '.join(map(str, missing))}. `lookalike bank "
                f"show {bank_name}` lists its entries."
            )
        return found

    def in_force(self, ids: Iterable[int], at: datetime) -> dict[int, Entry]:
        """Return those entries that count at a moment, by id, ascending."""
        return {
            entry.id: entry
            for chunk in chunks(possible_ids(ids))
            for entry in self._counting(_COUNTING_BY_ID, at=at, ids=chunk)
        }

    def in_force_by_fingerprint(
        self, fingerprints: Iterable[Fingerprint], at: datetime
    ) -> list[Entry]:
        """Return the bare entries that are one of these fingerprints and count at a moment."""
        wanted: defaultdict[FingerprintKind, set[bytes]] = defaultdict(set)
        for fingerprint in fingerprints:
            wanted[fingerprint.kind].add(fingerprint.value)
        return [
            entry
            for kind, values in wanted.items()
            for chunk in chunks(sorted(values))
            for entry in self._counting(
                _COUNTING_BY_FINGERPRINT, at=at, kind=kind.value, values=chunk
            )
        ]

    def image_ids(self, bank_names: Sequence[str] | None, at: datetime) -> Keys:
        """Return the ids of the images that are entries of these banks and count at a moment.

        Parameters
        ----------
        bank_names : sequence of str or None
            All banks when None.
        at : datetime

        Returns
        -------
        ndarray of shape (n,), int64
            Ascending, each once.

        Raises
        ------
        NotFoundError
            There is no bank of one of the names.
        """
        statement = (
            select(EntryRow.image_id)
            .where(
                EntryRow.image_id.is_not(None), IN_FORCE, *of_banks(self._connection, bank_names)
            )
            .distinct()
            .order_by(EntryRow.image_id)
        )
        return np.fromiter(self._connection.scalars(statement, {"at": at}), np.int64)

    def fingerprint_ids(self, bank_names: Sequence[str] | None, at: datetime) -> Keys:
        """Return the ids of the bare PDQ entries of these banks that count at a moment.

        A million of them take about a second: `all_fingerprints_in_force` may save it.

        Parameters
        ----------
        bank_names : sequence of str or None
            All banks when None.
        at : datetime

        Returns
        -------
        ndarray of shape (n,), int64
            Ascending.

        Raises
        ------
        NotFoundError
            There is no bank of one of the names.
        """
        statement = (
            select(EntryRow.id)
            .where(_BARE_PDQ, IN_FORCE, *of_banks(self._connection, bank_names))
            .order_by(EntryRow.id)
        )
        return np.fromiter(self._connection.scalars(statement, {"at": at}), np.int64)

    def all_fingerprints_in_force(self, at: datetime) -> bool:
        """Tell whether every bare PDQ entry that is there counts at a moment."""
        return not any(
            self._connection.scalar(select(EntryRow.id).where(_BARE_PDQ, condition).limit(1))
            for condition in idle(at)
        )

    def next_moment(self, after: datetime) -> datetime | None:
        """Return when an entry begins to count once more though nothing changes; None if never."""
        statement = select(func.min(EntryRow.disabled_until)).where(
            ACTIVE, EntryRow.disabled_until > after
        )
        moment: datetime | None = self._connection.scalar(statement)
        return moment

    def created_at(self, entry_ids: Collection[int]) -> dict[int, datetime]:
        """Return when entries were added, removed ones too."""
        rows = self._rows(select(EntryRow.id, EntryRow.created_at), EntryRow.id, entry_ids)
        return {row.id: row.created_at for row in rows}

    def banks_of_images(self, image_ids: Iterable[int]) -> defaultdict[int, set[str]]:
        """Return the names of the banks that images are entries of, disabled ones included."""
        found: defaultdict[int, set[str]] = defaultdict(set)
        columns = (EntryRow.image_id, BankRow.name)
        statement = select(*columns).join(BankRow, BankRow.id == EntryRow.bank_id).where(ACTIVE)
        for image_id, bank in self._rows(statement, EntryRow.image_id, image_ids):
            if image_id is not None:
                found[image_id].add(bank)
        return found

    def last_id(self) -> int:
        """Return the id of the newest entry; 0 when there is none."""
        number: int | None = self._connection.scalar(select(func.max(EntryRow.id)))
        return number or 0

    def block_counts(self, after: int = 0) -> dict[FingerprintKind | None, int]:
        """Count the active entries of block banks by what they are; None for images.

        Parameters
        ----------
        after : int
            Count those alone that were added after this change of the log.
        """
        statement = (
            select(EntryRow.fingerprint_kind, func.count())
            .join(BankRow, BankRow.id == EntryRow.bank_id)
            .where(ACTIVE, BankRow.kind == BankKind.BLOCK.value)
            .group_by(EntryRow.fingerprint_kind)
        )
        if after:
            added = select(ChangeRow.subject_id).where(
                ChangeRow.number > after,
                ChangeRow.subject == "entry",
                ChangeRow.operation == "added",
            )
            statement = statement.where(EntryRow.id.in_(added))
        counted = self._connection.execute(statement)
        return {FingerprintKind(kind) if kind else None: number for kind, number in counted}

    def _records(
        self, ids: Iterable[int], *conditions: ColumnElement[bool]
    ) -> Iterator[EntryRecord]:
        """Yield the active entries among some ids, ordered by id."""
        statement = _select_records().where(ACTIVE, *conditions).order_by(EntryRow.id)
        yield from map(_record, self._rows(statement, EntryRow.id, possible_ids(ids)))

    def _counting(self, statement: Executable, **values: Any) -> list[Entry]:
        return [
            Entry(
                row.id,
                row.name,
                BankKind(row.kind),
                row.image_id,
                _fingerprint(row.fingerprint_kind, row.fingerprint),
            )
            for row in self._connection.execute(statement, values)
        ]


def of_banks(connection: Connection, names: Sequence[str] | None) -> list[ColumnElement[bool]]:
    """Make the condition that an entry is of one of these banks; none when `names` is None.

    Raises
    ------
    NotFoundError
        There is no bank of one of the names.
    """
    if names is None:
        return []
    banks = Banks(connection)
    return [EntryRow.bank_id.in_([banks.id_of(name) for name in names])]


def _select_records() -> Select[Any]:
    return select(
        EntryRow.__table__, BankRow.name.label("bank"), BankRow.kind.label("bank_kind")
    ).join(BankRow, BankRow.id == EntryRow.bank_id)


def _record(row: Row[Any]) -> EntryRecord:
    return from_row(
        EntryRecord,
        row,
        kind=BankKind(row.bank_kind),
        fingerprint=_fingerprint(row.fingerprint_kind, row.fingerprint),
        labels=tuple(row.labels or ()),
        disabled_reason=DisabledReason(row.disabled_reason) if row.disabled_reason else None,
    )


def _fingerprint(kind: str | None, value: bytes | None) -> Fingerprint | None:
    return None if kind is None or value is None else Fingerprint(FingerprintKind(kind), value)
