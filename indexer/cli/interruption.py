"""Ctrl-C: the first finishes the current work, the second exits at once."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from typing import Any

_STDERR = 2


@contextmanager
def stop_at_ctrl_c() -> Iterator[Event]:
    """Give an event that the first Ctrl-C sets; the second one raises KeyboardInterrupt.

    Where Ctrl-C is ignored, as in a shell's background job, it stays so.
    """
    stop = Event()
    before = signal.getsignal(signal.SIGINT)

    def ask_to_stop(_signal: int, _frame: Any) -> None:
        signal.signal(signal.SIGINT, before)
        stop.set()
        # not by sys.stderr, which may be in the middle of a write
        os.write(_STDERR, b"Finishing what is under way. Press Ctrl-C again to stop at once.\n")

    if before is signal.default_int_handler:
        signal.signal(signal.SIGINT, ask_to_stop)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)
