"""Timing of stages, for whoever listens."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from time import perf_counter_ns, time_ns
from typing import ParamSpec, Self, TypeVar

P = ParamSpec("P")
ResultT = TypeVar("ResultT")


@dataclass(frozen=True, slots=True)
class Timing:
    """One run of a stage."""

    stage: str
    started: int  # nanoseconds since 1970
    ended: int
    size: int | None = None  # of what was worked on together, such as the pictures of a batch

    @property
    def seconds(self) -> float:
        """How long it took."""
        return (self.ended - self.started) / 1e9


Listener = Callable[[Timing], None]
_listeners: tuple[Listener, ...] = ()


class stage:  # noqa: N801 -- read as `with stage("decode"):`
    """A block that is a stage of the work; costs a look at a tuple when nobody listens.

    A listener is called in the thread that did the work, also when it failed.
    """

    __slots__ = ("_clock", "_name", "_size", "_started")

    def __init__(self, name: str, size: int | None = None) -> None:
        self._name = name
        self._size = size
        self._started = 0
        self._clock = 0  # does not jump when the time is set

    def __enter__(self) -> Self:
        if _listeners:
            self._started, self._clock = time_ns(), perf_counter_ns()
        return self

    def __exit__(self, *_exception: object) -> None:
        """Tell the listeners."""
        if self._started:
            took = perf_counter_ns() - self._clock
            record(Timing(self._name, self._started, self._started + took, self._size))


def timed(name: str) -> Callable[[Callable[P, ResultT]], Callable[P, ResultT]]:
    """Return the decorator that makes every call of a function a stage."""

    def decorate(function: Callable[P, ResultT]) -> Callable[P, ResultT]:
        @wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> ResultT:
            with stage(name):
                return function(*args, **kwargs)

        return call

    return decorate


def record(timing: Timing) -> None:
    """Tell the listeners of a stage that was timed elsewhere, such as waiting in a queue."""
    for listener in _listeners:
        listener(timing)


@contextmanager
def listening(*listeners: Listener) -> Iterator[None]:
    """Call functions for each stage that ends in this process, in any thread, within the block.

    They must be quick, raise nothing and be safe to call from several threads.
    """
    global _listeners  # noqa: PLW0603 -- one process has one clock
    _listeners = (*_listeners, *listeners)
    try:
        yield
    finally:
        _listeners = tuple(each for each in _listeners if each not in listeners)
