"""Bank membership: cached key sets, to filter a search before it is made."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import Final, Generic, TypeVar

from indexer.store import Catalog
from indexer.vectors import KeySet

_MOST_CHOICES: Final = 64  # remembered; a set of a million keys takes 8 MB
_Banks = Sequence[str] | None  # None for all banks
_SetT = TypeVar("_SetT")


class BankMembership:
    """What counts of each choice of banks, read once for as long as it stays the same.

    That is until the banks change, or time enables an entry again. The sets are immutable and keep
    their identity meanwhile, so that an index can remember the filter that it made of one. Safe to
    use from several threads.
    """

    def __init__(self) -> None:
        self._images = _Remembered(_read_images)
        self._fingerprints = _Remembered(_read_fingerprints)

    def images(self, catalog: Catalog, banks: Sequence[str], at: datetime) -> KeySet:
        """Return the images with an entry in one of `banks` that counts at a moment.

        Parameters
        ----------
        catalog : Catalog
        banks : sequence of str
            All banks when empty.
        at : datetime
            The moment of the query.

        Raises
        ------
        NotFoundError
            There is no such bank.
        """
        return self._images.get(catalog, banks, at)

    def fingerprints(self, catalog: Catalog, banks: Sequence[str], at: datetime) -> KeySet | None:
        """Return the bare PDQ entries of `banks` that count at a moment, by the ids of the entries.

        None where nothing has to be left out: all banks are meant, and every entry counts. A
        million ids need not be read then, and the search need not look each of them up.

        Parameters
        ----------
        catalog : Catalog
        banks : sequence of str
            All banks when empty.
        at : datetime
            The moment of the query.

        Raises
        ------
        NotFoundError
            There is no such bank.
        """
        return self._fingerprints.get(catalog, banks, at)


def _read_images(catalog: Catalog, banks: _Banks, at: datetime) -> KeySet:
    return KeySet(catalog.entries.image_ids(banks, at))


def _read_fingerprints(catalog: Catalog, banks: _Banks, at: datetime) -> KeySet | None:
    if banks is None and catalog.entries.all_fingerprints_in_force(at):
        return None
    return KeySet(catalog.entries.fingerprint_ids(banks, at))


@dataclass(frozen=True, slots=True)
class _Known(Generic[_SetT]):
    """A set, and for when it holds."""

    change: int  # the last one of the banks
    since: datetime
    until: datetime | None  # None for ever
    members: _SetT

    def holds(self, change: int, at: datetime) -> bool:
        in_time = self.since <= at and (self.until is None or at < self.until)
        return self.change == change and in_time


class _Remembered(Generic[_SetT]):
    """The sets of one kind that were read, by the choice of banks."""

    def __init__(self, read: Callable[[Catalog, _Banks, datetime], _SetT]) -> None:
        self._read = read
        self._lock = Lock()
        self._known: dict[tuple[str, ...], _Known[_SetT]] = {}

    def get(self, catalog: Catalog, banks: Sequence[str], at: datetime) -> _SetT:
        """Return the set that holds at a moment; all banks are meant when none is named."""
        names = tuple(sorted(set(banks)))
        change = catalog.log.last_of_banks()
        known = self._known.get(names)
        if known and known.holds(change, at):
            return known.members
        members = self._read(catalog, names or None, at)
        fresh = _Known(change, at, catalog.entries.next_moment(at), members)
        with self._lock:
            known = self._known.get(names)
            if known and known.holds(change, at):  # another thread was quicker: keep to its set
                return known.members
            if len(self._known) >= _MOST_CHOICES:
                self._known.clear()
            self._known[names] = fresh
        return members
