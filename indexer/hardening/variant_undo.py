"""Variant undo: hardening taken back."""

from dataclasses import dataclass

from indexer.hardening.bank_entries import entry_pages, find_block_bank
from indexer.store import Store


@dataclass(frozen=True, slots=True)
class RemovedVariants:
    """What taking back the hardening of a bank removed."""

    bank: str
    entries: int
    """Entries that had variants."""
    variants: int
    """Variants removed."""


def remove_variants(
    store: Store, bank_name: str, entry_ids: frozenset[int] = frozenset()
) -> RemovedVariants:
    """Remove the variants of a bank's entries; running it again removes nothing.

    Variants are of images: where another bank holds the same image, it loses them as well.

    Parameters
    ----------
    store : Store
    bank_name : str
    entry_ids : frozenset of int
        Only of these entries; of all when empty.

    Raises
    ------
    NotFoundError
        There is no such bank, or it has none of the entries that were asked for.
    InputError
        It is an allow bank.
    """
    bank = find_block_bank(store, bank_name)
    removed: dict[int, int] = {}
    for page in entry_pages(store, bank, entry_ids):
        images = [entry.image_id for entry in page if entry.image_id is not None]
        with store.writer() as writer:
            removed |= writer.variants.remove(bank.id, images)
    return RemovedVariants(bank.name, len(removed), sum(removed.values()))
