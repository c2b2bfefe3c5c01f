"""Bank ids of sources: found by name, or created."""

import structlog

from indexer.store import Store
from indexer.types import Bank, BankKind

log = structlog.get_logger(__name__)


class BankIds:
    """Ids of the banks that sources name, each looked up once.

    Parameters
    ----------
    store : Store
    default : int, optional
        Bank of the sources that name none.
    """

    def __init__(self, store: Store, default: int | None) -> None:
        self._store = store
        self._ids: dict[str | None, int | None] = {None: default}

    def __call__(self, name: str | None) -> int | None:
        """Return the id of a bank; one that does not exist yet is made, a block bank.

        Raises
        ------
        InvalidName
            It cannot be a bank's name.
        """
        if name is not None and name not in self._ids:
            bank, is_new = find_or_create_bank(self._store, name)
            if is_new:
                log.info("block bank created for manifest", bank=name)
            self._ids[name] = bank.id
        return self._ids[name]


def find_or_create_bank(store: Store, name: str) -> tuple[Bank, bool]:
    """Return the bank of this name, and whether it was made: a block bank.

    Raises
    ------
    InvalidName
        It cannot be a bank's name.
    """
    with store.writer() as writer:
        for bank in writer.banks.all():
            if bank.name == name:
                return bank, False
        return writer.banks.create(name, BankKind.BLOCK), True
