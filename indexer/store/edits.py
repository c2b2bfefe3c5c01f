"""The single edits that writing to the catalog is made of."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, func, insert, literal, select, update

from indexer.errors import NotFoundError
from indexer.store.auditing import Auditing, named
from indexer.store.columns import UtcDateTime
from indexer.store.entry_conditions import ACTIVE
from indexer.store.models import BankRow, ChangeRow, EntryRow, ImageRow, SourceRow, SpaceRow
from indexer.store.parameters import chunks, possible_ids
from indexer.store.values import RemovedBy

_Operation = Literal["added", "changed", "removed"]
_Listed = type[ImageRow] | type[SourceRow] | type[EntryRow] | type[BankRow] | type[SpaceRow]


class Edits(Auditing):
    """Edits within one transaction that holds the log's lock; `Writer` makes them."""

    def __init__(self, connection: Connection, audit_key: bytes | None = None) -> None:
        super().__init__(connection, audit_key)
        self._now = datetime.now(UTC)
        self._number = self.head()

    def _log(
        self,
        subject: Literal["image", "entry", "bank"],
        operation: _Operation,
        ids: Iterable[int],
    ) -> None:
        """Append a change for each id: numbers go on where the log ends, thanks to its lock."""
        rows = [
            {
                "number": number,
                "subject": subject,
                "subject_id": subject_id,
                "operation": operation,
                "created_at": self._now,
            }
            for number, subject_id in enumerate(ids, self._number + 1)
        ]
        self._insert(ChangeRow, rows)
        self._number += len(rows)

    def _log_where(
        self, subject: Literal["entry"], operation: _Operation, *conditions: ColumnElement[bool]
    ) -> int:
        """Append a change for each entry that satisfies all conditions; return how many there are.

        Works inside the database, however many they are.
        """
        place = func.row_number().over(order_by=EntryRow.id)
        rows = select(
            place + self._number,
            literal(subject),
            EntryRow.id,
            literal(operation),
            literal(self._now, UtcDateTime()),
        ).where(*conditions)
        columns = ["number", "subject", "subject_id", "operation", "created_at"]
        self._connection.execute(insert(ChangeRow).from_select(columns, rows))
        before, self._number = self._number, self.head()
        return self._number - before

    def _insert(self, table: type[Any], rows: Sequence[Mapping[str, Any]]) -> None:
        if rows:
            self._connection.execute(insert(table), rows)

    def _insert_one(self, table: type[Any], row: Mapping[str, Any]) -> int:
        """Insert a row that the database numbers, and return its id."""
        key: Any = self._connection.execute(insert(table).values(row)).inserted_primary_key
        return int(key[0])

    def _set(self, table: _Listed, ids: Iterable[int], **values: Any) -> None:
        """Set columns of the rows with these ids."""
        for chunk in chunks(ids):
            self._connection.execute(update(table).where(table.id.in_(chunk)), values)

    def _ids_where(self, table: _Listed, *conditions: ColumnElement[bool]) -> list[int]:
        """Return the ids of the rows that satisfy all conditions, ascending."""
        statement = select(table.id).where(*conditions).order_by(table.id)
        return list(self._connection.scalars(statement))

    def _add_entries(self, bank_id: int, image_ids: Iterable[int]) -> int:
        """Make images entries of a bank; return how many were not before."""
        self._require_bank(bank_id)
        added = list[int]()
        of_bank = (EntryRow.bank_id == bank_id, ACTIVE)
        for chunk in chunks(sorted(set(image_ids))):
            statement = select(EntryRow.image_id).where(EntryRow.image_id.in_(chunk), *of_bank)
            held = {*self._connection.scalars(statement)}
            missing = [image_id for image_id in chunk if image_id not in held]
            rows = [
                {"bank_id": bank_id, "image_id": image_id, "created_at": self._now}
                for image_id in missing
            ]
            self._insert(EntryRow, rows)
            entered = self._ids_where(EntryRow, EntryRow.image_id.in_(missing), *of_bank)
            self._log("entry", "added", entered)
            added += entered
        if added:
            self._audit("entry.add", "bank", bank_id, **named(added))
        return len(added)

    def _remove_entries(self, ids: Sequence[int], by: RemovedBy) -> None:
        """Remove entries, all of them active."""
        self._set(EntryRow, ids, removed_at=self._now, removed_by=by.value)
        self._log("entry", "removed", ids)

    def _require_bank(self, bank_id: int) -> None:
        """Make sure that a bank has this id."""
        if not self._ids_where(BankRow, BankRow.id == bank_id, BankRow.removed_at.is_(None)):
            raise NotFoundError(
                f"There is no bank with id {bank_id}. `lookalike bank list` shows the banks."
            )

    def _require_images(self, ids: Collection[int], *conditions: ColumnElement[bool]) -> None:
        """Make sure that each id is an image's that satisfies the conditions."""
        known = {
            image_id
            for chunk in chunks(possible_ids(ids))
            for image_id in self._ids_where(ImageRow, ImageRow.id.in_(chunk), *conditions)
        }
        if missing := sorted(set(ids) - known):
            named = ", ".join(map(str, missing[:10])) + (", ..." if len(missing) > 10 else "")  # noqa: PLR2004 -- enough to see what is meant
            raise NotFoundError(
                f"No image {named} is in the index. `lookalike index list` shows the ids."
            )
