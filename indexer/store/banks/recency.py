"""Recency filters: images and entries added after a moment."""

from collections.abc import Iterable, Sequence
from datetime import datetime

import numpy as np
from sqlalchemy import select

from indexer.store.banks.conditions import IN_FORCE
from indexer.store.banks.entries import of_banks
from indexer.store.models import EntryRow, ImageRow
from indexer.store.queries import Queries
from indexer.store.sql_parameters import possible_ids
from indexer.types import FingerprintKind, Keys


class Recency(Queries):
    """Images and entries by their age within one transaction.

    An image is as old as its first indexing, an entry as its joining the bank.
    """

    def image_ids(self, moment: datetime) -> Keys:
        """Return the ids of the active images that were first indexed after a moment, ascending."""
        # sorted here: SQLite would rather walk over all images in order than sort the recent ones
        statement = select(ImageRow.id).where(
            ImageRow.created_at > moment, ImageRow.removed_at.is_(None)
        )
        return np.sort(np.fromiter(self._connection.scalars(statement), np.int64))

    def entry_image_ids(
        self, bank_names: Sequence[str] | None, at: datetime, moment: datetime
    ) -> Keys:
        """Return what `Entries.image_ids` does, of the entries that were made after `moment`."""
        statement = (
            select(EntryRow.image_id)
            .where(
                EntryRow.image_id.is_not(None), IN_FORCE, *of_banks(self._connection, bank_names)
            )
            .where(EntryRow.created_at > moment)
            .distinct()
            .order_by(EntryRow.image_id)
        )
        return np.fromiter(self._connection.scalars(statement, {"at": at}), np.int64)

    def entry_fingerprint_ids(
        self, bank_names: Sequence[str] | None, at: datetime, moment: datetime
    ) -> Keys:
        """Return what `Entries.fingerprint_ids` does, of the entries made after `moment`."""
        statement = (
            select(EntryRow.id)
            .where(EntryRow.fingerprint_kind == FingerprintKind.PDQ.value)
            .where(IN_FORCE, *of_banks(self._connection, bank_names), EntryRow.created_at > moment)
            .order_by(EntryRow.id)
        )
        return np.fromiter(self._connection.scalars(statement, {"at": at}), np.int64)

    def entries(self, ids: Iterable[int], moment: datetime) -> set[int]:
        """Return those of some entries that were made after a moment."""
        return {*self._ids_among(EntryRow, possible_ids(ids), EntryRow.created_at > moment)}
