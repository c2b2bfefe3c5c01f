"""Variants: edited copies of entries' pictures, stored as further parts of the same images."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import exists, func, select

from indexer.errors import ClassifierReplaced
from indexer.store.banks.conditions import ACTIVE
from indexer.store.banks.variant_removal import IS_VARIANT, VariantRemoval
from indexer.store.edits import Edits, Transaction
from indexer.store.images.embeddings import EmbeddingEdits
from indexer.store.images.rows import NumberedPart, check_parts, part_rows
from indexer.store.images.spaces import Spaces
from indexer.store.log.audit import named
from indexer.store.models import EmbeddingRow, EntryRow, PartRow
from indexer.store.queries import Queries
from indexer.types import NewPart


class Variants(Queries):
    """The variants within one transaction."""

    def hardened(self, image_ids: Iterable[int], space_id: int) -> set[int]:
        """Return those of some images that have a variant with an embedding in a space."""
        embedded = exists().where(
            EmbeddingRow.image_id == PartRow.image_id,
            EmbeddingRow.part == PartRow.part,
            EmbeddingRow.space_id == space_id,
        )
        statement = select(PartRow.image_id).where(IS_VARIANT, embedded)
        return {row[0] for row in self._rows(statement, PartRow.image_id, image_ids)}

    def recipes(self, image_ids: Iterable[int]) -> dict[int, list[str]]:
        """Return how the variants of images were made, by image, in their order."""
        found: defaultdict[int, list[str]] = defaultdict(list)
        statement = select(PartRow.image_id, PartRow.recipe).where(IS_VARIANT)
        ordered = statement.order_by(PartRow.image_id, PartRow.part)
        for image_id, recipe in self._rows(ordered, PartRow.image_id, image_ids):
            found[image_id].append(recipe or "")
        return dict(found)


class VariantEdits(Variants, Edits):
    """The variants within a writing transaction."""

    def __init__(self, transaction: Transaction, embeddings: EmbeddingEdits) -> None:
        super().__init__(transaction)
        self._embeddings = embeddings
        self._removal = VariantRemoval(transaction)

    def replace(
        self,
        bank_id: int,
        variants: Mapping[int, Sequence[NewPart]],
        space_id: int,
        classifier: str | None,
    ) -> int:
        """Give images the variants that they are to have, in place of those that they had.

        Images that are no longer entries of the bank are passed over.

        Parameters
        ----------
        bank_id : int
        variants : mapping of int to sequence of NewPart
            By image.
        space_id : int
            Space of the embeddings.
        classifier : str or None
            Whose the probabilities are; None is the network's own.

        Returns
        -------
        int
            How many variants were written.

        Raises
        ------
        SpaceReplaced
            The index is bound to another space by now.
        ClassifierReplaced
            It uses another classifier by now.
        DimensionMismatch, UnusableOutput
            An embedding does not fit the space, or is not finite.
        """
        spaces = Spaces(self._connection)
        space = spaces.get(space_id)
        spaces.require_active(space)
        if classifier != space.classifier:
            raise ClassifierReplaced(space.classifier)
        held = select(EntryRow.image_id).where(EntryRow.bank_id == bank_id, ACTIVE)
        there = {row[0] for row in self._rows(held, EntryRow.image_id, variants)}
        wanted = {i: parts for i, parts in sorted(variants.items()) if i in there and parts}
        check_parts(wanted.values(), space)
        self._removal.drop(wanted)
        last = select(PartRow.image_id, func.max(PartRow.part)).group_by(PartRow.image_id)
        numbers = {row[0]: row[1] for row in self._rows(last, PartRow.image_id, wanted)}
        parts = [
            NumberedPart(image_id, numbers.get(image_id, 0) + place, part)
            for image_id, own in wanted.items()
            for place, part in enumerate(own, 1)
        ]
        self._insert(PartRow, part_rows(parts))
        self._embeddings.write(parts, (), space)
        self._log.append("image", "added", wanted)
        if wanted:
            self._audit.record(
                "variant.add", "bank", bank_id, **named(list(wanted)), variants=len(parts)
            )
        return len(parts)

    def remove(self, bank_id: int, image_ids: Iterable[int]) -> dict[int, int]:
        """Delete the variants of entries' images; return how many each had."""
        dropped = self._removal.drop(image_ids)
        if dropped:
            said = {**named(sorted(dropped)), "variants": sum(dropped.values())}
            self._audit.record("variant.remove", "bank", bank_id, **said)
        return dropped
