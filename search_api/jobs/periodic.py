"""Periodic task: a thread that repeats one job, and retries after failures."""

from collections.abc import Callable
from threading import Event, Thread
from typing import Self

import structlog

from indexer.errors import UnavailableError

log = structlog.get_logger(__name__)


class PeriodicTask:
    """Does something every so many seconds within a `with` block; failures are logged and survived.

    Parameters
    ----------
    act : callable
        What is done.
    name : str
        The thread's.
    interval : float
        Seconds between the end of one time and the next.
    doing : str
        What is done, for the log, such as `writing hits`.
    at_start, at_end : bool
        Whether it is done once more when the block begins, or ends.
    """

    def __init__(
        self,
        act: Callable[[], object],
        *,
        name: str,
        interval: float,
        doing: str,
        at_start: bool = False,
        at_end: bool = False,
    ) -> None:
        self._act = act
        self._interval = interval
        self._doing = doing
        self._at_start = at_start
        self._at_end = at_end
        self._reason = ""  # why it was not possible the last time
        self._stopping = Event()
        self._thread = Thread(target=self._repeat, name=name, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        """Stop, once what is being done is done."""
        self._stopping.set()
        self._thread.join()

    @property
    def is_stopping(self) -> bool:
        """Whether the block has ended."""
        return self._stopping.is_set()

    def _repeat(self) -> None:
        if self._at_start:
            self.attempt()
        while not self._stopping.wait(self._interval):
            self.attempt()
        if self._at_end:
            self.attempt()

    def attempt(self) -> bool:
        """Do it once, and return whether that went well; the block's thread does so by itself."""
        try:
            self._act()
        except UnavailableError as error:
            if str(error) != self._reason:  # said once, not every second
                self._reason = str(error)
                log.warning("task unavailable, retrying", task=self._doing, reason=str(error))
        except Exception:  # one failure must not end it for good
            log.exception("task failed, retrying", task=self._doing)
        else:
            self._reason = ""
            return True
        return False
