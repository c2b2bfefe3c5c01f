"""Budget of the pixels that this process decodes at the same time.

A picture takes 4 to 19 bytes a pixel for a moment, by its format (docs/operations.md): up to 0.7 GB
in every thread that decodes one.
"""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition

SMALL = 4_000_000
"""Pixels up to which a picture never waits: the number of threads bounds these well enough."""


class PixelBudget:
    """So many pixels at once, first come first served; safe to use from several threads."""

    def __init__(self, pixels: int) -> None:
        self._all = pixels
        self._free = pixels
        self._changed = Condition()
        self._queue: deque[object] = deque()

    @contextmanager
    def taking(self, pixels: int) -> Iterator[None]:
        """Wait until a picture fits in; one that is larger than the budget fits in alone."""
        if pixels <= SMALL:
            yield
            return
        wanted, turn = min(pixels, self._all), object()
        with self._changed:
            self._queue.append(turn)
            self._changed.wait_for(lambda: self._queue[0] is turn and self._free >= wanted)
            self._queue.popleft()
            self._free -= wanted
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._free += wanted
                self._changed.notify_all()


_budget: PixelBudget | None = None


def limit_pixels(pixels: int) -> None:
    """Set the budget of this process; without one, nothing waits."""
    global _budget  # noqa: PLW0603 -- one process has one memory
    _budget = PixelBudget(pixels)


@contextmanager
def decoding(pixels: int) -> Iterator[None]:
    """Give the block that works on a picture of so many pixels its share of the budget.

    A thread that is in such a block must not enter another: it might wait for itself.
    """
    if _budget is None:
        yield
        return
    with _budget.taking(pixels):
        yield
