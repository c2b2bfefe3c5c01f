"""Hardening plan: what it would take to harden a bank."""

from dataclasses import dataclass

from indexer.embedding_space import bound_space
from indexer.hardening.bank_entries import entry_pages, find_block_bank
from indexer.hardening.bank_hardener import HardeningOptions
from indexer.store import Store
from indexer.types import UPLOAD


@dataclass(frozen=True, slots=True)
class HardeningPlan:
    """What hardening a bank would do, by what the catalog knows; no file is opened for it."""

    bank: str
    budget: int
    """Most variants of an entry."""
    edits: int
    """Edits that would be tried on each picture."""
    entries: int
    """Entries looked at."""
    fingerprints: int
    """Of them: bare fingerprints, which no variant can be made of."""
    already: int
    """Of them: entries that have variants already."""
    with_source: int
    """Of the rest: entries of which a source is known."""
    thumbnail_only: int
    """Of the rest: entries with only a thumbnail."""
    without: int
    """Of the rest: entries with neither."""
    most_variants: int
    """Variants that would be stored at most."""


def plan_hardening(store: Store, bank_name: str, options: HardeningOptions) -> HardeningPlan:
    """Count what hardening a bank would do; nothing is written.

    Raises
    ------
    IndexNotInitialised
        The index is not bound to a model yet.
    NotFoundError
        There is no such bank, or it has none of the entries that were asked for.
    InputError
        It is an allow bank.
    """
    space = bound_space(store)
    bank = find_block_bank(store, bank_name)
    entries = fingerprints = already = with_source = thumbnail_only = without = 0
    for page in entry_pages(store, bank, options.entry_ids):
        images = [entry.image_id for entry in page if entry.image_id is not None]
        with store.reader() as catalog:
            hardened = catalog.variants.hardened(images, space.id)
            pictures = catalog.embeddings.pictures(set(images) - hardened)
        entries += len(page)
        fingerprints += len(page) - len(images)
        already += len(hardened)
        for picture in pictures:
            if any(not uri.startswith(UPLOAD) for uri in picture.sources):
                with_source += 1
            elif picture.has_thumbnail:
                thumbnail_only += 1
            else:
                without += 1
    return HardeningPlan(
        bank=bank.name,
        budget=options.budget,
        edits=len(options.edits),
        entries=entries,
        fingerprints=fingerprints,
        already=already,
        with_source=with_source,
        thumbnail_only=thumbnail_only,
        without=without,
        most_variants=options.budget * (with_source + thumbnail_only),
    )
