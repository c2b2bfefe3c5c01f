"""Changing contents: entries of one thing, and what is said of it."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete

from indexer.store.banks.banks import Banks
from indexer.store.banks.contents import Contents
from indexer.store.banks.entry_edits import EntryEdits
from indexer.store.edits import Edits, Transaction
from indexer.store.models import ContentRow, EntryRow
from indexer.types import ContentMetadata, DisabledReason, Fingerprint


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
