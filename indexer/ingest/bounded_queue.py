"""Bounded queue between threads, limited in items and in bytes."""

from collections import deque
from threading import Condition
from typing import Generic, TypeVar

ItemT = TypeVar("ItemT")


class Abandoned(Exception):
    """Nothing takes from this queue any more; its producer may stop."""


class BoundedQueue(Generic[ItemT]):
    """A queue bounded in items and in bytes, which can be closed.

    A producer that is faster than its consumers waits, so memory stays bounded however long the run
    is.

    Parameters
    ----------
    most : int
        Most items that wait.
    most_bytes : int, optional
        Most bytes that wait; an item larger than that passes alone.
    """

    def __init__(self, most: int, most_bytes: int | None = None) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._items: deque[tuple[ItemT, int]] = deque()
        self._bytes = 0
        self._closed = False
        self._changed = Condition()

    @property
    def ended(self) -> bool:
        """Whether it is closed and empty."""
        with self._changed:
            return self._closed and not self._items

    def put(self, item: ItemT, size: int = 0) -> None:
        """Put an item of `size` bytes; wait until there is room for it.

        Raises
        ------
        Abandoned
            The queue is closed.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._has_room(size))
            if self._closed:
                raise Abandoned
            self._items.append((item, size))
            self._bytes += size
            self._changed.notify_all()

    def take(self, most: int = 1, timeout: float | None = None) -> list[ItemT]:
        """Take what is there, up to `most` items; wait for the first one.

        Returns
        -------
        list
            Empty when the queue has ended, or when nothing came within `timeout` seconds.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._items, timeout)
            taken = [self._items.popleft() for _ in range(min(most, len(self._items)))]
            self._bytes -= sum(size for _, size in taken)
            self._changed.notify_all()
            return [item for item, _ in taken]

    def close(self) -> None:
        """Accept no more items; those that wait can still be taken."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def abandon(self) -> None:
        """Accept no more items and drop those that wait."""
        with self._changed:
            self._items.clear()
            self._bytes = 0
            self.close()

    def _has_room(self, size: int) -> bool:
        if not self._items:
            return True
        fits = self._most_bytes is None or self._bytes + size <= self._most_bytes
        return fits and len(self._items) < self._most
