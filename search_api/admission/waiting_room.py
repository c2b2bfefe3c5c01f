"""Waiting room: a bounded queue before a thread pool, with load shedding."""

import asyncio
import math
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from time import perf_counter, perf_counter_ns, time_ns
from typing import TypeVar

import anyio
from starlette.types import Receive

from indexer.runtime.timing import Timing, record
from search_api.admission.byte_budget import ByteBudget

ResultT = TypeVar("ResultT")
_HOPEFUL = 0.5  # share of the timeout that a request may expect to wait when it is let in
_NEWEST = 0.1  # weight of the newest call in what calls take


class Overloaded(Exception):
    """The waiting room is full: the request was turned away."""


class TimedOut(Exception):
    """The request waited too long for its turn, and was not run."""


class ClientGone(Exception):
    """The client hung up while it waited, and the request was not run."""


class Admission:
    """Threads for work that blocks, with a waiting room that is bounded in requests and bytes.

    A request takes a place once its body is there, and keeps it until its answer is made: who is
    slow to send takes none. Within its place it waits for a thread, first come first served. To be
    used from one event loop.

    Parameters
    ----------
    threads : int
        Calls that run at the same time.
    max_waiting : int
        Most requests present besides those that run.
    max_bytes : int, optional
        Most bytes in memory of all requests; a single one is let in whatever its size.
    timeout : float
        Seconds that a request waits for a thread.
    """

    def __init__(
        self, *, threads: int, max_waiting: int, timeout: float, max_bytes: float = math.inf
    ) -> None:
        self._count = threads
        self._most = threads + max_waiting
        self.bytes = ByteBudget(max_bytes)
        self._timeout = timeout
        self._turns = _Turns(threads)
        self._threads = anyio.CapacityLimiter(math.inf)  # the turns bound them
        self._receive: ContextVar[Receive | None] = ContextVar("receive_in_place")
        self._present = 0
        self._seconds = 0.0  # that a call takes, of late

    @property
    def running(self) -> int:
        """Calls that run now."""
        return self._turns.taken

    @property
    def waiting(self) -> int:
        """Requests that wait for a thread now."""
        return self._turns.asked

    def require_room(self, size: int = 0, count: int = 1) -> None:
        """Refuse a request that would find no place if it were there now.

        Raises
        ------
        Overloaded
            There are not so many places or bytes, or its turn would hardly come in time.
        """
        full = self._present + count > self._most or (
            self._expected_wait() > _HOPEFUL * self._timeout
        )
        if (self._present and full) or (size and not self.bytes.has_room(size)):
            raise Overloaded

    @asynccontextmanager
    async def place(
        self, size: int = 0, receive: Receive | None = None, count: int = 1
    ) -> AsyncIterator[None]:
        """Hold a place for a request.

        Parameters
        ----------
        size : int
            Bytes that it will have in memory besides its body.
        receive : callable, optional
            The request's own, to notice while it waits that the client has hung up. The body must
            have been read.
        count : int
            Places that it takes: one for each of its pictures.

        Raises
        ------
        Overloaded
            There are not so many places or bytes, or its turn would hardly come in time.
        """
        self.require_room(size, count)
        self._present += count
        self.bytes.take(size)
        token = self._receive.set(receive)
        try:
            yield
        finally:
            self._receive.reset(token)
            self._present -= count
            self.bytes.give_back(size)

    async def run(self, call: Callable[[], ResultT]) -> ResultT:
        """Call a function in a thread, once it is this request's turn; it takes a place if needed.

        Raises
        ------
        Overloaded, TimedOut, ClientGone
            It was not called.
        """
        if self._receive.get(self) is self:  # no place yet
            async with self.place():
                return await self.run(call)
        await self._take_turn(self._receive.get())
        begun = perf_counter()
        try:
            return await anyio.to_thread.run_sync(call, limiter=self._threads)
        finally:
            self._turns.give_back()
            self._seconds += _NEWEST * (perf_counter() - begun - self._seconds)

    def _expected_wait(self) -> float:
        """Return in how many seconds the turn of one more would come, by how long calls took."""
        ahead = max(0, self._present + 1 - self._count)
        return ahead * self._seconds / self._count

    async def _take_turn(self, receive: Receive | None) -> None:
        turn = self._turns.ask()
        if turn.done():
            return
        started, clock = time_ns(), perf_counter_ns()
        watching = {asyncio.ensure_future(_until_gone(receive))} if receive else set()
        try:
            done, _ = await asyncio.wait(
                {turn, *watching}, timeout=self._timeout, return_when=asyncio.FIRST_COMPLETED
            )
        except asyncio.CancelledError:
            self._turns.withdraw(turn)
            raise
        finally:
            for task in watching:
                task.cancel()
            record(Timing("queue", started, started + perf_counter_ns() - clock))
        if not turn.done():
            self._turns.withdraw(turn)
            raise ClientGone if done else TimedOut


class _Turns:
    """So many at once, first come first served."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._queue: deque[asyncio.Future[None]] = deque()
        self.taken = 0

    @property
    def asked(self) -> int:
        """How many wait."""
        return len(self._queue)

    def ask(self) -> asyncio.Future[None]:
        """Return what is done when the turn has come."""
        turn = asyncio.get_running_loop().create_future()
        if self.taken < self._most:
            self.taken += 1
            turn.set_result(None)
        else:
            self._queue.append(turn)
        return turn

    def withdraw(self, turn: asyncio.Future[None]) -> None:
        """Do without a turn, whether it has come meanwhile or not."""
        if turn.done():
            self.give_back()
        else:
            self._queue.remove(turn)

    def give_back(self) -> None:
        """End a turn: the next one's has come."""
        if self._queue:
            self._queue.popleft().set_result(None)
        else:
            self.taken -= 1


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
