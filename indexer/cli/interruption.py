"""Ctrl-C: the first finishes the current work, the second exits at once."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from typing import Any

_STDERR = 2


class Stop(Event):
    """Set by the first signal that asks to stop."""

    signal: int | None = None
    """Which one it was."""


@contextmanager
def stop_at_ctrl_c(*further: signal.Signals) -> Iterator[Stop]:
    """Give an event that the first Ctrl-C sets; the second one raises KeyboardInterrupt.

    Where Ctrl-C is ignored, as in a shell's background job, it stays so. `further` are signals that
    set it as well, and end the process when they come again.
    """
    stop = Stop()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, *further)}

    def ask_to_stop(number: int, _frame: Any) -> None:
        signal.signal(number, before[signal.Signals(number)])
        stop.signal = number
        stop.set()
        # not by sys.stderr, which may be in the middle of a write
        os.write(_STDERR, b"Finishing what is under way. Press Ctrl-C again to stop at once.\n")

    for number, handler in before.items():
        if handler in {signal.default_int_handler, signal.SIG_DFL}:
            signal.signal(number, ask_to_stop)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
