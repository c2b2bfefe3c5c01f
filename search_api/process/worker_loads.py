"""Loads of the workers of one server, in memory that all of them share."""

from collections.abc import Collection
from ctypes import Array, c_int
from dataclasses import dataclass
from multiprocessing.context import BaseContext
from typing import Final

_ABSENT: Final = -1


@dataclass(frozen=True, slots=True)
class WorkerLoad:
    """The load of one worker beside those of the others."""

    loads: "Array[c_int]"
    place: int

    def publish(self, load: int) -> None:
        """Tell the other workers the load of this one."""
        self.loads[self.place] = load

    def is_least(self, load: int) -> bool:
        """Return whether no other worker has less than this load."""
        others = (other for place, other in enumerate(self.loads) if place != self.place)
        return all(other == _ABSENT or other >= load for other in others)

    def withdraw(self) -> None:
        """Count no more: the worker accepts no connections, or has ended."""
        self.loads[self.place] = _ABSENT


class WorkerLoads:
    """The loads of all workers of a supervisor.

    Parameters
    ----------
    context : multiprocessing context
        By which the workers are started.
    workers : int
        Workers that accept connections. During a replacement there may be twice as many.
    """

    def __init__(self, context: BaseContext, workers: int) -> None:
        self._loads: Array[c_int] = context.RawArray(c_int, [_ABSENT] * (2 * workers + 1))

    def assign(self, taken: Collection[int]) -> WorkerLoad:
        """Return the load of a new worker, at the first place that is not taken."""
        free = (place for place in range(len(self._loads)) if place not in taken)
        return WorkerLoad(self._loads, next(free))
