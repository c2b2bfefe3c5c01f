"""Acceptor: takes the connections of a worker, up to a limit.

Several workers accept on one socket. The kernel wakes any of them, so a worker leaves a connection
to those with less load, for a moment.
"""

import asyncio
import errno
import math
import socket
from collections.abc import Callable, Collection
from typing import Final

import structlog

from search_api.process.worker_loads import WorkerLoad

log = structlog.get_logger(__name__)
_EXHAUSTED: Final = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
_RECOVERY: Final = 1.0  # seconds until an exhausted process tries again, as asyncio does
_FULL: Final = 0.05  # seconds until a worker whose connections are all being answered looks again
_PUBLISHED: Final = 0.05  # seconds between two looks at the load of this worker
_DEFERENCE: Final = 0.005  # seconds until a worker with more load than another looks again
_PATIENCE: Final = 0.1  # seconds after which it accepts a connection that no other worker has taken


class Acceptor:
    """Accepts connections on a socket on which other processes may accept, too.

    Parameters
    ----------
    listener : socket
        Bound.
    connections : collection
        Those that are open.
    make_protocol : callable
        Returns the protocol of a new one.
    at_once : int
        Connections accepted before what they send is read; 1 leaves the next to other processes.
    most : int, optional
        Connections that may be open.
    end_one : callable, optional
        Ends a connection, so that another can be accepted; tells whether it could.
    requests : collection, optional
        Those that are being answered; they count for the load as connections do.
    load : WorkerLoad, optional
        Where other workers accept on the same socket.
    """

    def __init__(  # noqa: PLR0913 -- where it accepts, and within which bounds
        self,
        listener: socket.socket,
        connections: Collection[object],
        make_protocol: Callable[[], asyncio.BaseProtocol],
        *,
        at_once: int = 1,
        most: float = math.inf,
        end_one: Callable[[], bool] = lambda: False,
        requests: Collection[object] = (),
        load: WorkerLoad | None = None,
    ) -> None:
        self._listener = listener
        self._connections = connections
        self._make_protocol = make_protocol
        self._at_once = at_once
        self._most = most
        self._end_one = end_one
        self._requests = requests
        self._load = load
        self._loop = asyncio.get_running_loop()
        self._waiting: asyncio.TimerHandle | None = None
        self._publishing: asyncio.TimerHandle | None = None
        self._patient_until = -math.inf  # by the clock of the loop
        self._welcoming: set[asyncio.Task[object]] = set()

    def start(self, backlog: int) -> None:
        """Listen; up to `backlog` connections wait to be accepted."""
        self._listener.setblocking(False)  # noqa: FBT003 -- socket has it so
        self._listener.listen(backlog)
        self._look()
        if self._load is not None:
            self._publish(self._load)

    def close(self) -> None:
        """Accept no more; the other workers go on."""
        self._loop.remove_reader(self._listener)
        for timer in (self._waiting, self._publishing):
            if timer is not None:
                timer.cancel()
        if self._load is not None:
            self._load.withdraw()

    @property
    def _present(self) -> int:
        return len(self._connections) + len(self._welcoming)

    @property
    def _own_load(self) -> int:
        return self._present + len(self._requests)

    def _publish(self, load: WorkerLoad) -> None:
        load.publish(self._own_load)
        self._publishing = self._loop.call_later(_PUBLISHED, self._publish, load)

    def _look(self) -> None:
        self._waiting = None
        self._loop.add_reader(self._listener, self._take_all)

    def _take_all(self) -> None:
        if self._load is not None and self._defers(self._load):
            self._pause(_DEFERENCE, self._look)
            return
        while self._take() and len(self._welcoming) < self._at_once:
            pass

    def _defers(self, load: WorkerLoad) -> bool:
        """Return whether to leave a connection to a worker with less load."""
        own, now = self._own_load, self._loop.time()
        load.publish(own)
        if load.is_least(own):
            return False
        if now > self._patient_until + 2 * _DEFERENCE:  # another connection than the last time
            self._patient_until = now + _PATIENCE
        return now < self._patient_until

    def _take(self) -> bool:
        """Accept a connection; return whether there was one."""
        if self._present >= self._most and not self._end_one():
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
