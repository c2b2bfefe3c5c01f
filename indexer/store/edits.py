"""The single edits that writing to the catalog is made of."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, insert, select, update

from indexer.errors import NotFoundError
from indexer.store.catalog import Catalog
from indexer.store.models import (
    BankRow,
    ChangeRow,
    EmbeddingRow,
    EntryRow,
    ImageRow,
    SourceRow,
    SpaceRow,
)
from indexer.store.parameters import chunks, possible_ids, uri_digest
from indexer.types import SourceStamp, Space

_Listed = type[ImageRow] | type[SourceRow] | type[EntryRow] | type[BankRow] | type[SpaceRow]


class Edits(Catalog):
    """Edits within one transaction that holds the log's lock; `Writer` makes them."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._now = datetime.now(UTC)
        self._number = self.head()

    def _log(
        self,
        subject: Literal["image", "entry", "bank"],
        operation: Literal["added", "removed"],
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

    def _insert(self, table: type[Any], rows: Sequence[Mapping[str, Any]]) -> None:
        if rows:
            self._connection.execute(insert(table), rows)

    def _set(self, table: _Listed, ids: Iterable[int], **values: Any) -> None:
        """Set columns of the rows with these ids."""
        for chunk in chunks(ids):
            self._connection.execute(update(table).where(table.id.in_(chunk)), values)

    def _ids_where(self, table: _Listed, *conditions: ColumnElement[bool]) -> list[int]:
        """Return the ids of the rows that satisfy all conditions, ascending."""
        statement = select(table.id).where(*conditions).order_by(table.id)
        return list(self._connection.scalars(statement))

    def _ids(self, digests: Iterable[bytes]) -> dict[bytes, int]:
        """Return the ids of images by their SHA-256, of removed ones too."""
        ids: dict[bytes, int] = {}
        for chunk in chunks(digests):
            statement = select(ImageRow.sha256, ImageRow.id).where(ImageRow.sha256.in_(chunk))
            ids.update(self._connection.execute(statement).all())
        return ids

    def _embedded(self, image_ids: Iterable[int], space: Space) -> set[int]:
        """Return those of the images that have an embedding in the space."""
        embedded: set[int] = set()
        for chunk in chunks(image_ids):
            statement = select(EmbeddingRow.image_id).where(
                EmbeddingRow.image_id.in_(chunk), EmbeddingRow.space_id == space.id
            )
            embedded.update(self._connection.scalars(statement))
        return embedded

    def _reactivate(self, image_ids: Iterable[int]) -> list[int]:
        """Make removed images active again; return those that were removed."""
        removed = [
            image_id
            for chunk in chunks(image_ids)
            for image_id in self._ids_where(
                ImageRow, ImageRow.id.in_(chunk), ImageRow.removed_at.is_not(None)
            )
        ]
        self._set(ImageRow, removed, removed_at=None)
        return removed

    def _add_sources(self, items: Iterable[tuple[int, SourceStamp]]) -> int:
        """Open sources; close those whose file now holds another image; return how many opened.

        A file that was touched but holds the same bytes only gets its new stamp.
        """
        found = {uri_digest(stamp.uri): (image_id, stamp) for image_id, stamp in items}
        closed, restamped = [], []
        for row in self._open_sources(found):
            image_id, stamp = found[row.uri_sha256]
            if row.image_id != image_id:
                closed.append(row.id)
                continue
            if (row.size, row.mtime_ns) != (stamp.size, stamp.mtime_ns):
                restamped.append((row.id, stamp))
            del found[row.uri_sha256]
        self._set(SourceRow, closed, closed_at=self._now)
        for source_id, stamp in restamped:
            self._set(SourceRow, [source_id], size=stamp.size, mtime_ns=stamp.mtime_ns)
        self._insert(
            SourceRow,
            [
                {
                    "image_id": image_id,
                    "uri": stamp.uri,
                    "uri_sha256": digest,
                    "size": stamp.size,
                    "mtime_ns": stamp.mtime_ns,
                    "first_seen_at": self._now,
                }
                for digest, (image_id, stamp) in found.items()
            ],
        )
        return len(found)

    def _open_sources(self, digests: Iterable[bytes]) -> list[Any]:
        """Return the open sources among these URI digests."""
        columns = (
            SourceRow.id,
            SourceRow.uri_sha256,
            SourceRow.image_id,
            SourceRow.size,
            SourceRow.mtime_ns,
        )
        return [
            row
            for chunk in chunks(digests)
            for row in self._connection.execute(
                select(*columns).where(
                    SourceRow.uri_sha256.in_(chunk), SourceRow.closed_at.is_(None)
                )
            )
        ]

    def _add_entries(self, bank_id: int | None, image_ids: Iterable[int]) -> int:
        """Make images entries of a bank, if there is one; return how many were not before."""
        if bank_id is None:
            return 0
        if not self._ids_where(BankRow, BankRow.id == bank_id):
            raise NotFoundError(
                f"There is no bank with id {bank_id}. `lookalike bank list` shows the banks."
            )
        added = 0
        of_bank = (EntryRow.bank_id == bank_id, EntryRow.removed_at.is_(None))
        for chunk in chunks(sorted(set(image_ids))):
            statement = select(EntryRow.image_id).where(EntryRow.image_id.in_(chunk), *of_bank)
            missing = sorted({*chunk}.difference(self._connection.scalars(statement)))
            rows = [
                {"bank_id": bank_id, "image_id": image_id, "created_at": self._now}
                for image_id in missing
            ]
            self._insert(EntryRow, rows)
            entered = self._ids_where(EntryRow, EntryRow.image_id.in_(missing), *of_bank)
            self._log("entry", "added", entered)
            added += len(missing)
        return added

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
