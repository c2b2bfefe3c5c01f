"""Lock times: how long writers wait for the log's lock, and how long they hold it."""

from time import perf_counter_ns, time_ns
from typing import Final, Self

from indexer.runtime.timing import Timing, record

LOG_LOCK_WAITED: Final = "log_lock_waited"
"""The stage in which a writer waits for those before it."""
LOG_LOCK_HELD: Final = "log_lock_held"
"""The stage in which all other writers wait: from having the lock until the commit is over."""


class LogLockTimes:
    """Times one writing transaction, for the listeners of `indexer.runtime.timing`.

    Enter before the lock is asked for and leave once the transaction is over. A transaction that
    never takes the lock has no times.
    """

    __slots__ = ("_asked", "_clock", "_taken")

    def __enter__(self) -> Self:
        self._asked, self._clock = time_ns(), perf_counter_ns()
        self._taken = 0
        return self

    def taken(self) -> None:
        """Note that the lock is ours."""
        self._taken = perf_counter_ns()
        record(Timing(LOG_LOCK_WAITED, self._asked, self._moment(self._taken)))

    def __exit__(self, *_exception: object) -> None:
        """Record how long the lock was held."""
        if self._taken:
            ended = self._moment(perf_counter_ns())
            record(Timing(LOG_LOCK_HELD, self._moment(self._taken), ended))

    def _moment(self, clock: int) -> int:
        return self._asked + clock - self._clock
