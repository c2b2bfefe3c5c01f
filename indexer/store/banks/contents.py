"""Contents: entries of one thing, and what is said of it."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, delete, func, or_, select

from indexer.errors import NotFoundError
from indexer.store.banks.banks import Banks
from indexer.store.banks.conditions import ACTIVE
from indexer.store.banks.entry_edits import EntryEdits
from indexer.store.banks.ratios import RATIO
from indexer.store.edits import Edits, Transaction
from indexer.store.models import (
    BankRatioRow,
    BankRow,
    ContentRow,
    EntryRow,
    ImageRow,
    SourceRow,
)
from indexer.store.queries import Queries
from indexer.store.sql_parameters import possible_ids
from indexer.types import (
    BankKind,
    Content,
    ContentEntry,
    ContentMetadata,
    DisabledReason,
    Fingerprint,
    FingerprintKind,
    ListOrigin,
)

_DIGESTS = {FingerprintKind.SHA256: ImageRow.sha256, FingerprintKind.MD5: ImageRow.md5}


class Contents(Queries):
    """The contents within one transaction."""

    def entries(self, image_ids: Collection[int], entry_ids: Collection[int]) -> list[ContentEntry]:
        """Return the active entries that are these images or have these ids, disabled ones too."""
        found = [
            *self._content_entries(EntryRow.image_id, image_ids),
            *self._content_entries(EntryRow.id, entry_ids),
        ]
        return list({entry.entry_id: entry for entry in found}.values())

    def entries_by_digest(self, digest: Fingerprint) -> list[ContentEntry]:
        """Return the active entries of a file's SHA-256 or MD5: images, and bare fingerprints."""
        of_images = select(ImageRow.id).where(_DIGESTS[digest.kind] == digest.value)
        bare = (
            EntryRow.fingerprint_kind == digest.kind.value,
            EntryRow.fingerprint == digest.value,
        )
        statements = (
            _select_entries().where(EntryRow.image_id.in_(of_images), ACTIVE),
            _select_entries().where(*bare, ACTIVE),
        )
        return [
            _entry(row) for statement in statements for row in self._connection.execute(statement)
        ]

    def get(self, bank_name: str, content_id: int) -> Content:
        """Return one content of a block bank.

        Raises
        ------
        NotFoundError
            There is no such bank, or it has no such content.
        """
        Banks(self._connection).require_block(bank_name)
        rows = self._content_rows(content_id)
        if not rows or rows[0].bank != bank_name:
            raise NotFoundError(f"Bank {bank_name} has no content {content_id}.")
        said = self._connection.execute(
            select(ContentRow.named, ContentRow.uri, ContentRow.details).where(
                ContentRow.entry_id == content_id
            )
        ).one_or_none()
        first = rows[0]
        return Content(
            id=content_id,
            bank=first.bank,
            ratio=first.ratio,
            entries=tuple(map(_entry, rows)),
            disabled_until=first.disabled_until,
            note=first.notes,
            uri=self._first_uri(first.image_id),
            metadata=ContentMetadata(*said) if said else ContentMetadata(),
            origins=self._origins([row.id for row in rows]),
        )

    def _content_entries(self, column: Any, ids: Collection[int]) -> Iterator[ContentEntry]:
        statement = _select_entries().where(ACTIVE)
        yield from map(_entry, self._rows(statement, column, possible_ids(ids)))

    def _content_rows(self, content_id: int) -> list[Row[Any]]:
        """Return the active entries of a content, by id."""
        if not possible_ids([content_id]):
            return []
        members = select(ContentRow.entry_id).where(ContentRow.content_id == content_id)
        mine: ColumnElement[bool] = or_(EntryRow.id == content_id, EntryRow.id.in_(members))
        statement = _select_entries().where(mine, ACTIVE).order_by(EntryRow.id)
        rows = self._connection.execute(statement)
        return [row for row in rows if row.content_id == content_id]

    def _origins(self, entry_ids: list[int]) -> tuple[ListOrigin, ...]:
        statement = (
            select(EntryRow.source, EntryRow.external_id, EntryRow.labels)
            .where(EntryRow.id.in_(entry_ids))
            .order_by(EntryRow.id)
        )
        return tuple(
            ListOrigin(source, external_id, tuple(labels or ()))
            for source, external_id, labels in self._connection.execute(statement)
            if source is not None
        )

    def _first_uri(self, image_id: int | None) -> str | None:
        statement = (
            select(SourceRow.uri)
            .where(SourceRow.image_id == image_id, SourceRow.closed_at.is_(None))
            .order_by(SourceRow.id)
            .limit(1)
        )
        return None if image_id is None else self._connection.scalar(statement)


class ContentEdits(Contents, Edits):
    """The contents within a writing transaction."""

    def __init__(self, transaction: Transaction, entries: EntryEdits) -> None:
        super().__init__(transaction)
        self._entries = entries

    def add(self, bank_id: int, fingerprints: Sequence[Fingerprint]) -> int:
        """Make bare fingerprints of one thing entries of a bank; return the content that they are.

        Those that the bank holds already stay what they are, and the others join them.

        Raises
        ------
        NotFoundError
            There is no such bank.
        """
        last = self._entries.last_id()
        ids = [self._entries.add_fingerprint(bank_id, fingerprint) for fingerprint in fingerprints]
        (first,) = self.entries((), [min(ids)])
        for entry_id in ids:
            if entry_id > last and entry_id != first.content_id:
                self._replace(ContentRow, {"entry_id": entry_id}, {"content_id": first.content_id})
        return first.content_id

    def describe(self, content_id: int, metadata: ContentMetadata | None, note: str | None) -> None:
        """Say something of a content; None leaves what was said before, an empty note clears it.

        Parameters
        ----------
        content_id : int
            Of an active content.
        metadata : ContentMetadata, optional
        note : str, optional
        """
        if metadata is not None:
            said = {"named": metadata.content_id, "uri": metadata.content_uri}
            self._replace(
                ContentRow,
                {"entry_id": content_id},
                {"content_id": content_id, **said, "details": metadata.json},
            )
        if metadata is not None or note is not None:
            self._audit.record("entry.describe", "entry", content_id)
        if note is not None:
            ids = [row.id for row in self._content_rows(content_id)]
            self._set(EntryRow, ids, notes=note or None)

    def disable(self, content_id: int, until: datetime | None) -> None:
        """Let a content match nothing until a moment, or again at once when it is None."""
        ids = [row.id for row in self._content_rows(content_id)]
        if until is None:
            self._entries.enable(ids)
        else:
            self._entries.disable(ids, until, DisabledReason.BY_HAND)

    def remove(self, bank_name: str, content_id: int) -> int:
        """Remove a content with what was said of it; return how many there were: 1 or 0.

        Raises
        ------
        NotFoundError
            There is no such block bank.
        """
        Banks(self._connection).require_block(bank_name)
        rows = [row for row in self._content_rows(content_id) if row.bank == bank_name]
        ids = [row.id for row in rows]
        self._connection.execute(delete(ContentRow).where(ContentRow.entry_id.in_(ids)))
        return min(1, self._entries.remove(ids))


def _select_entries() -> Select[Any]:
    return (
        select(
            EntryRow.id,
            EntryRow.image_id,
            EntryRow.fingerprint_kind,
            EntryRow.fingerprint,
            EntryRow.disabled_until,
            EntryRow.notes,
            BankRow.name.label("bank"),
            BankRow.kind.label("bank_kind"),
            RATIO.label("ratio"),
            func.coalesce(ContentRow.content_id, EntryRow.id).label("content_id"),
        )
        .join(BankRow, BankRow.id == EntryRow.bank_id)
        .outerjoin(BankRatioRow, BankRatioRow.bank_id == BankRow.id)
        .outerjoin(ContentRow, ContentRow.entry_id == EntryRow.id)
    )


def _entry(row: Row[Any]) -> ContentEntry:
    kind, value = row.fingerprint_kind, row.fingerprint
    return ContentEntry(
        entry_id=row.id,
        content_id=row.content_id,
        bank=row.bank,
        kind=BankKind(row.bank_kind),
        ratio=row.ratio,
        image_id=row.image_id,
        fingerprint=None if kind is None else Fingerprint(FingerprintKind(kind), value),
        disabled_until=row.disabled_until,
    )
