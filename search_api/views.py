"""Follows the log, so that what another process commits is found within a second."""

from threading import Event, Thread
from time import monotonic
from typing import Self

import structlog

from indexer.errors import UnavailableError, ViewNotReady
from indexer.matching import Matcher

log = structlog.get_logger(__name__)


class LogFollower:
    """Keeps a matcher's views caught up from a thread of its own."""

    def __init__(self, matcher: Matcher, *, poll_interval: float, stale_after: float) -> None:
        self._matcher = matcher
        self._poll_interval = poll_interval
        self._stale_after = stale_after
        self._stopping = Event()
        self._fresh_at = monotonic()
        self._retired = False
        self._thread = Thread(target=self._follow, name="log-follower", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        """Stop, once the changes being applied are in."""
        self._stopping.set()
        self._thread.join()

    @property
    def age(self) -> float:
        """Seconds since the log was last read with success."""
        return monotonic() - self._fresh_at

    def retire(self) -> None:
        """Be ready no more: the server is shutting down."""
        self._retired = True

    def check(self) -> int:
        """Return the watermark.

        Raises
        ------
        ViewNotReady
            The log could not be read for longer than `stale_after` seconds, or the server is
            shutting down.
        """
        if self._retired:
            raise ViewNotReady("The server is shutting down. Ask another one.")
        age = self.age
        if age > self._stale_after:
            raise ViewNotReady(
                f"The log was last read {age:.0f} s ago: answers may miss what was added since. "
                "Check that the database is up."
            )
        return self._matcher.watermark

    def _follow(self) -> None:
        while not self._stopping.wait(self._poll_interval):
            try:
                self._matcher.catch_up()
            except UnavailableError as error:
                log.warning("cannot follow the log, trying again", reason=str(error))
            except Exception:  # a dead follower would serve a stale index for good
                log.exception("following the log failed, trying again")
            else:
                self._fresh_at = monotonic()
