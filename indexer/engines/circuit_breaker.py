"""Circuit breaker: calls to what is down fail at once, until a while has passed."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from time import monotonic
from typing import Final

from indexer.errors import EngineUnavailable

_FIRST: Final = 0.5  # seconds that a first failure is remembered; each further one twice as long
_LONGEST: Final = 10.0


class CircuitBreaker:
    """Remembers for up to ten seconds that an engine is down; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._wait = _FIRST
        self._closed_until = 0.0
        self._error: EngineUnavailable | None = None

    @property
    def error(self) -> EngineUnavailable | None:
        """Why the last call failed; None if it succeeded."""
        return self._error

    @contextmanager
    def calling(self) -> Iterator[None]:
        """Make a call in the block.

        Raises
        ------
        EngineUnavailable
            The call raised it; or one before did, too short a while ago.
        """
        if self._error and monotonic() < self._closed_until:
            raise self._error.with_traceback(None)
        try:
            yield
        except EngineUnavailable as error:
            with self._lock:
                self._error = error
                self._closed_until = monotonic() + self._wait
                self._wait = min(_LONGEST, 2 * self._wait)
            raise
        with self._lock:
            self._error, self._wait = None, _FIRST
