"""Connection balancing: shares the connections of one socket among workers.

The kernel wakes all of them, and whoever is first would take every connection there is: eight kept
connections on one of two workers, measured, halve what they answer. So a worker that has more than
another lets that one go first, for a moment.
"""

import asyncio
import errno
import math
import socket
from collections.abc import Callable, Collection
from ctypes import Array, c_int
from dataclasses import dataclass
from multiprocessing.context import BaseContext
from typing import Final

import structlog

log = structlog.get_logger(__name__)
_NOBODY: Final = -1
_COURTESY: Final = 0.002  # seconds that a worker leaves to those with fewer connections
_EXHAUSTED: Final = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
_RECOVERY: Final = 1.0  # seconds until an exhausted process tries again, as asyncio does
_AT_ONCE: Final = 32  # connections that one worker by itself accepts before it works on
_FULL: Final = (
    0.05  # seconds until a worker all of whose connections are being answered looks again
)


@dataclass(frozen=True, slots=True)
class Share:
    """How many connections a worker has, in memory that all workers see."""

    counts: "Array[c_int]"
    place: int

    def publish(self, connections: int) -> None:
        """Say how many this worker has now."""
        self.counts[self.place] = connections

    def is_more(self, connections: int) -> bool:
        """Say how many this worker has now; tell whether another has fewer."""
        self.publish(connections)
        return any(_NOBODY < count < connections for count in self.counts)

    def leave(self) -> None:
        """Count no more: this worker takes no connection, or has ended."""
        self.counts[self.place] = _NOBODY


class Shares:
    """The shares of all workers of a supervisor.

    Parameters
    ----------
    context : multiprocessing context
        By which the workers are started.
    most : int
        Workers there are at the same time, those that leave among them.
    """

    def __init__(self, context: BaseContext, most: int) -> None:
        self._counts: Array[c_int] = context.RawArray(c_int, [_NOBODY] * most)

    def besides(self, taken: Collection[int]) -> Share:
        """Return a share whose place is not among those taken."""
        return Share(self._counts, next(n for n in range(len(self._counts)) if n not in taken))


class ConnectionBalancer:
    """Accepts connections in a worker, while others may accept on the same socket.

    Parameters
    ----------
    listener : socket
        Bound.
    share : Share or None
        None where no other worker accepts.
    connections : collection
        Those that are open.
    make_protocol : callable
        Returns the protocol of a new one.
    most : int, optional
        Connections that may be open.
    end_one : callable, optional
        Ends a connection, so that another can be accepted; tells whether it could.
    """

    def __init__(
        self,
        listener: socket.socket,
        share: Share | None,
        connections: Collection[object],
        make_protocol: Callable[[], asyncio.BaseProtocol],
        *,
        most: float = math.inf,
        end_one: Callable[[], bool] = lambda: False,
    ) -> None:
        self._listener = listener
        self._share = share
        self._connections = connections
        self._make_protocol = make_protocol
        self._most = most
        self._end_one = end_one
        self._loop = asyncio.get_running_loop()
        self._waiting: asyncio.TimerHandle | None = None
        self._welcoming: set[asyncio.Task[object]] = set()
        self._closed = False

    def start(self, backlog: int) -> None:
        """Listen; up to `backlog` connections wait to be accepted."""
        self._listener.setblocking(False)  # noqa: FBT003 -- socket has it so
        self._listener.listen(backlog)
        self._look()

    def publish(self) -> None:
        """Let the other workers know how many connections are open; to be told when one ends."""
        if self._share is not None and not self._closed:
            self._share.publish(len(self._connections))

    def close(self) -> None:
        """Accept no more; the other workers go on."""
        self._closed = True
        if self._share is not None:
            self._share.leave()
        self._loop.remove_reader(self._listener)
        if self._waiting is not None:
            self._waiting.cancel()

    def _look(self) -> None:
        self._waiting = None
        self.publish()
        self._loop.add_reader(self._listener, self._consider)

    def _consider(self) -> None:
        """Take a connection that waits, at once or after those with fewer."""
        if self._share is None:
            while self._take() and len(self._welcoming) < _AT_ONCE:
                pass
        elif self._share.is_more(len(self._connections) + len(self._welcoming)):
            self._pause(_COURTESY, self._take)
        else:
            self._take()

    def _take(self) -> bool:
        """Accept a connection; return whether there was one."""
        if self._waiting is not None:
            self._look()
        present = len(self._connections) + len(self._welcoming)
        if present >= self._most and not self._end_one():
            self._pause(_FULL, self._look)
            return False
        try:
            accepted, _ = self._listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return False  # another worker was quicker, or the client has gone
        except OSError as error:
            if error.errno not in _EXHAUSTED:
                raise
            if self._end_one():
                return False
            log.error(  # noqa: TRY400 -- the reason says it all
                "cannot accept connections", reason=error.strerror, seconds=_RECOVERY
            )
            self._pause(_RECOVERY, self._look)
            return False
        accepted.setblocking(False)  # noqa: FBT003 -- as above
        welcoming = self._loop.create_task(
            self._loop.connect_accepted_socket(self._make_protocol, accepted)
        )
        self._welcoming.add(welcoming)
        welcoming.add_done_callback(self._welcoming.discard)
        return True

    def _pause(self, seconds: float, then: Callable[[], object]) -> None:
        self._loop.remove_reader(self._listener)
        self._waiting = self._loop.call_later(seconds, then)
