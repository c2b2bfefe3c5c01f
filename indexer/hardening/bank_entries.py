"""Entries of a block bank, page by page."""

from collections.abc import Iterator
from typing import Final

from indexer.errors import InputError, NotFoundError
from indexer.store import Store
from indexer.types import Bank, BankKind, EntryRecord

_PAGE: Final = 200  # entries whose images are in memory together


def find_block_bank(store: Store, name: str) -> Bank:
    """Return a bank whose entries may have variants.

    Raises
    ------
    NotFoundError
        There is no such bank.
    InputError
        It is an allow bank.
    """
    with store.reader() as catalog:
        bank = catalog.banks.get(name)
    if bank.kind is not BankKind.BLOCK:
        raise InputError(
            f"Bank {name} is an allow bank: with variants its entries would excuse more pictures. "
            "Harden a block bank."
        )
    return bank


def entry_pages(
    store: Store, bank: Bank, entry_ids: frozenset[int] = frozenset()
) -> Iterator[list[EntryRecord]]:
    """Yield the entries of a bank in pages, ordered by id.

    Parameters
    ----------
    store : Store
    bank : Bank
    entry_ids : frozenset of int
        Only these; all when empty.

    Raises
    ------
    NotFoundError
        The bank has no such entry.
    """
    if entry_ids:
        with store.reader() as catalog:
            entries = [catalog.entries.get(entry_id) for entry_id in sorted(entry_ids)]
        for entry in entries:
            if entry.bank != bank.name:
                raise NotFoundError(
                    f"Entry {entry.id} is of bank {entry.bank}, not {bank.name}. "
                    f"`lookalike bank show {bank.name}` lists the entries."
                )
        for start in range(0, len(entries), _PAGE):
            yield entries[start : start + _PAGE]
        return
    after = 0
    while True:
        with store.reader() as catalog:
            page = catalog.entries.page(bank.name, after_id=after, limit=_PAGE)
        if not page:
            return
        yield page
        after = page[-1].id
