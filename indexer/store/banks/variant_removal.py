"""Variant removal: the variants of entries go when the entries do."""

from collections.abc import Iterable

from sqlalchemy import delete, exists, select

from indexer.store.banks.conditions import ACTIVE
from indexer.store.edits import Edits
from indexer.store.models import BankRow, ClassificationRow, EmbeddingRow, EntryRow, PartRow
from indexer.store.sql_parameters import chunks, possible_ids
from indexer.types import BankKind, PartKind

IS_VARIANT = PartRow.kind == PartKind.VARIANT.value
_IN_BLOCK_BANK = (ACTIVE, BankRow.removed_at.is_(None), BankRow.kind == BankKind.BLOCK.value)


class VariantRemoval(Edits):
    """The variants within a writing transaction, as far as taking them away goes."""

    def drop(self, image_ids: Iterable[int]) -> dict[int, int]:
        """Delete the variants of images in every space, and tell the views.

        Returns
        -------
        dict of int to int
            How many each image had; images that had none are left out.
        """
        dropped: dict[int, int] = {}
        for chunk in chunks(possible_ids(image_ids)):
            of_chunk = (PartRow.image_id.in_(chunk), IS_VARIANT)
            for image_id in self._connection.scalars(select(PartRow.image_id).where(*of_chunk)):
                dropped[image_id] = dropped.get(image_id, 0) + 1
            for table in (EmbeddingRow, ClassificationRow):
                of_variant = exists().where(
                    PartRow.image_id == table.image_id, PartRow.part == table.part, IS_VARIANT
                )
                having = table.image_id.in_(dropped.keys() & {*chunk})
                self._connection.execute(delete(table).where(having, of_variant))
            self._connection.execute(delete(PartRow).where(*of_chunk))
        self._log.relog_images(sorted(dropped))
        return dropped

    def drop_of_withdrawn(self, entry_ids: Iterable[int]) -> None:
        """Delete the variants of the images that removed entries leave in no block bank."""
        statement = select(EntryRow.image_id).where(
            exists().where(PartRow.image_id == EntryRow.image_id, IS_VARIANT)
        )
        rows = self._rows(statement, EntryRow.id, entry_ids)
        self.drop_unless_banked({row[0] for row in rows if row[0] is not None})

    def drop_unless_banked(self, image_ids: Iterable[int]) -> None:
        """Delete the variants of those of some images that no block bank holds."""
        ids = set(image_ids)
        banked = select(EntryRow.image_id).join(BankRow, BankRow.id == EntryRow.bank_id)
        rows = self._rows(banked.where(*_IN_BLOCK_BANK), EntryRow.image_id, ids)
        self.drop(ids - {row[0] for row in rows})
