"""CPU cores of the process, and their division among threads.

Images are independent, so the cores are best kept busy by one thread an image. torch and FAISS
would each start a team of OpenMP threads inside every one of ours, and the teams wait for each
other by spinning: on two busy cores one forward pass took 1,044 ms that way and 33 ms with one
thread. NumPy's OpenBLAS has a team of its own, which also lets one caller in at a time: with it,
two threads of a server answered no more than one.
"""

import math
import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Final, TypeVar

ResultT = TypeVar("ResultT")
_QUOTA: Final = Path("/sys/fs/cgroup/cpu.max")
"""Microseconds of CPU time in each period of so many, as a container of cgroup v2 sees its own."""

_SWITCH_INTERVAL: Final = 0.001  # seconds

_POLICY: Final = {
    "OMP_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
    "OPENBLAS_NUM_THREADS": "1",
}


def limit_library_threads() -> None:
    """Give the libraries one thread each, unless the environment says otherwise.

    The libraries read this when they are loaded: call it before numpy, torch or faiss is imported.
    """
    for name, value in _POLICY.items():
        os.environ.setdefault(name, value)


def switch_threads_early() -> None:
    """Have a thread that runs Python pass the interpreter on after 1 ms instead of 5.

    Threads that work on pictures are outside the interpreter for most of the time; each needs it
    for a moment again and again, and waits for those that keep it.
    """
    sys.setswitchinterval(_SWITCH_INTERVAL)


def usable_cores() -> int:
    """Return how many cores this process may use; a container's quota counts, rounded up."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(allowed or 1, _quota()))


def _quota() -> int:
    try:
        time, period = _QUOTA.read_text().split()
        return math.ceil(int(time) / int(period))
    except (OSError, ValueError):  # no container, or one without a quota, which says "max"
        return sys.maxsize


class Cores:
    """Gives a caller that is alone more than one core; of several each keeps to its own thread.

    Several keep the cores busy by themselves: more threads would only take turns. Safe to use from
    several threads.

    Parameters
    ----------
    count : int, optional
        Those for the callers; all that this process may use by default.
    """

    def __init__(self, count: int | None = None) -> None:
        self.count = count or usable_cores()
        self._callers = 0
        self._lock = Lock()
        self._second = ThreadPoolExecutor(1, thread_name_prefix="second-core")  # starts when used

    @contextmanager
    def caller(self) -> Iterator[None]:
        """Be one of the callers during the block."""
        with self._lock:
            self._callers += 1
        try:
            yield
        finally:
            with self._lock:
                self._callers -= 1

    @property
    def spare(self) -> bool:
        """Whether a caller may use more than one core now."""
        return self.count > 1 and self._callers <= 1

    @contextmanager
    def beside(self, call: Callable[[], ResultT]) -> Iterator[Callable[[], ResultT]]:
        """Run a call during the block on a core to spare, else before the block.

        What is given returns the call's result, or raises what it raised, to be asked for after
        the block. The call has ended when the block has, even if that raises.
        """
        if not self.spare:
            result = call()
            yield lambda: result
            return
        future = self._second.submit(partial(copy_context().run, call))
        try:
            yield future.result
        finally:
            future.exception()  # waits
