"""The change log: one number sequence for every change that views and servers follow."""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal, cast

from sqlalchemy import ColumnElement, Connection, Table, func, insert, literal, select

from indexer.store.bulk_insert import bulk_insert
from indexer.store.models import OF_BANKS, ChangeRow, EntryRow, ImageRow
from indexer.store.models.columns import UtcDateTime
from indexer.store.queries import Queries
from indexer.store.sql_parameters import chunks, possible_ids

_Operation = Literal["added", "changed", "removed"]
_LAST = select(func.max(ChangeRow.number))
_LAST_OF_BANKS = _LAST.where(OF_BANKS)


class Changes(Queries):
    """The changes within one transaction."""

    def head(self) -> int:
        """Return the number of the last change; 0 for an empty log."""
        number: int | None = self._connection.scalar(_LAST)
        return number or 0

    def mark(self, number: int) -> str | None:
        """Return what changed, how and when, in one line; None for a number not used yet."""
        change = ChangeRow
        columns = (change.subject, change.subject_id, change.operation, change.created_at)
        row = self._connection.execute(select(*columns).where(change.number == number)).first()
        return f"{row[0]} {row[1]} {row[2]} {row[3].isoformat()}" if row else None

    def made_at(self, number: int) -> datetime | None:
        """Return when a change was made; None where there is none of that number."""
        statement = select(ChangeRow.created_at).where(ChangeRow.number == number)
        moment: datetime | None = self._connection.scalar(statement)
        return moment

    def lag(self, number: int) -> tuple[int, datetime | None]:
        """Return how many changes came after a change, and when the first of them was made."""
        return max(0, self.head() - number), self.made_at(number + 1)

    def images_after(self, number: int, limit: int) -> tuple[list[int], int]:
        """Return the images that the next changes are about, and the number of the last of these.

        Parameters
        ----------
        number : int
            The change after which to look.
        limit : int
            Changes to look at, of any subject.

        Returns
        -------
        list of int
            Ids, ascending, of images that may have been removed since.
        int
            The number of the last change that was looked at; `number` where there is none.
        """
        last = max(number, min(number + limit, self.head()))  # numbers have no gaps
        statement = select(ChangeRow.subject_id).where(
            ChangeRow.number > number, ChangeRow.number <= last, ChangeRow.subject == "image"
        )
        return sorted(set(self._connection.scalars(statement))), last

    def last_of_banks(self) -> int:
        """Return the number of the last change of a bank or an entry; 0 when there was none.

        While it stays the same, what the banks hold stays the same; which of it counts is a matter
        of time as well: `Entries.next_moment` says when that changes.
        """
        number: int | None = self._connection.scalar(_LAST_OF_BANKS)
        return number or 0


class Log(Changes):
    """The changes within a transaction that holds the log's lock: it appends where the log ends.

    Parameters
    ----------
    connection : Connection
    now : datetime
        When the changes are made.
    """

    def __init__(self, connection: Connection, now: datetime) -> None:
        super().__init__(connection)
        self._now = now
        self._number = self.head()

    def append(
        self,
        subject: Literal["image", "entry", "bank"],
        operation: _Operation,
        ids: Iterable[int],
    ) -> None:
        """Append a change for each id."""
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
        bulk_insert(self._connection, cast("Table", ChangeRow.__table__), rows)
        self._number += len(rows)

    def append_entries_where(self, operation: _Operation, *conditions: ColumnElement[bool]) -> int:
        """Append a change for each entry that satisfies all conditions; return how many there are.

        Works inside the database, however many they are.
        """
        place = func.row_number().over(order_by=EntryRow.id)
        rows = select(
            place + self._number,
            literal("entry"),
            EntryRow.id,
            literal(operation),
            literal(self._now, UtcDateTime()),
        ).where(*conditions)
        columns = ["number", "subject", "subject_id", "operation", "created_at"]
        self._connection.execute(insert(ChangeRow).from_select(columns, rows))
        before, self._number = self._number, self.head()
        return self._number - before

    def relog_images(self, ids: Iterable[int]) -> None:
        """Log images once more as what they are now, so that every view looks at them again."""
        self._relog(ImageRow, "image", ids)

    def relog_entries(self, ids: Iterable[int]) -> None:
        """Log entries once more as what they are now, so that the view looks at them again."""
        self._relog(EntryRow, "entry", ids)

    def _relog(
        self,
        table: type[ImageRow] | type[EntryRow],
        subject: Literal["image", "entry"],
        ids: Iterable[int],
    ) -> None:
        for chunk in chunks(possible_ids(ids)):
            of_chunk = table.id.in_(chunk)
            gone = self._ids_where(table, of_chunk, table.removed_at.is_not(None))
            there = self._ids_where(table, of_chunk, table.removed_at.is_(None))
            self.append(subject, "removed", gone)
            self.append(subject, "added", there)
