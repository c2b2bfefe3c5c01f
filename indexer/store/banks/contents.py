"""Reading contents: which entries belong together, and whether they and their banks take part."""

from collections.abc import Collection, Iterator
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, func, or_, select

from indexer.errors import NotFoundError
from indexer.store.banks.banks import Banks
from indexer.store.banks.conditions import ACTIVE
from indexer.store.banks.ratios import RATIO
from indexer.store.models import (
    BankRatioRow,
    BankRow,
    ContentRow,
    EntryRow,
    ImageRow,
    SourceRow,
)
from indexer.store.queries import Queries
from indexer.store.sql_parameters import chunks, possible_ids
from indexer.types import (
    BankKind,
    Content,
    ContentEntry,
    ContentMetadata,
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
        for chunk in chunks(possible_ids(ids)):
            statement = _select_entries().where(column.in_(chunk), ACTIVE)
            yield from map(_entry, self._connection.execute(statement))

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
