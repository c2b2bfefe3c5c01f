"""Which images the banks hold, kept ready for filtering a search before it happens."""

from collections.abc import Sequence
from threading import Lock

from indexer.store import Catalog
from indexer.vectors import KeySet


class BankMembership:
    """The image ids of each choice of banks, read once per change of the banks.

    The sets are immutable and keep their identity while nothing changes, so that an index can
    remember the filter that it made of one. Safe to use from several threads.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._seen = -1
        self._sets: dict[tuple[str, ...] | None, KeySet] = {}

    def keys(self, catalog: Catalog, banks: Sequence[str]) -> KeySet:
        """Return the images with an entry in one of `banks`; in any bank when it is empty.

        Raises
        ------
        NotFoundError
            There is no such bank.
        """
        names = tuple(sorted(set(banks))) or None
        changed = catalog.last_bank_change()
        with self._lock:
            if changed != self._seen:
                self._sets.clear()
                self._seen = changed
            known = self._sets.get(names)
        if known is None:
            known = KeySet(catalog.entry_image_ids(names))
            with self._lock:
                if self._seen == changed:
                    known = self._sets.setdefault(names, known)
        return known
