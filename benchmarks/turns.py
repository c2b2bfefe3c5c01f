"""Ways to answer one question at a time, measured in turns.

What else the machine does changes from minute to minute by more than the ways differ. So each turn
asks every way about the same few pictures, one way after the other.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from serving import load, server

TURN = 40  # pictures
WARM_UP = 4  # of them, asked about once more before each turn

Ask = Callable[[int], list[float]]
"""Asks about the pictures of a turn, the first of which is given; returns the seconds of each."""
Start = Callable[[], AbstractContextManager[Ask]]


@contextmanager
def looped(command: Sequence[str], environment: Mapping[str, str]) -> Iterator[Ask]:
    """Start a process that measures calls in its own loop, see `loop`."""
    process = subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:

        def ask(first: int) -> list[float]:
            print(first, file=process.stdin, flush=True)
            times: list[float] = json.loads(process.stdout.readline())  # type: ignore[union-attr]
            return times

        yield ask


def loop(call: Callable[[bytes], object], pictures: Sequence[bytes]) -> None:
    """Measure the turns that are asked for on stdin; the other side of `looped`."""
    for line in sys.stdin:
        turn = pictures[int(line) : int(line) + TURN]
        for data in turn[:WARM_UP]:
            call(data)
        times = []
        for data in turn:
            begun = time.perf_counter()
            call(data)
            times.append(time.perf_counter() - begun)
        print(json.dumps(times), flush=True)


@contextmanager
def served(
    command: Sequence[str], environment: dict[str, str], path: str, queries: Path
) -> Iterator[Ask]:
    """Start a server, which is asked by a process of its own each turn."""
    with server(command, environment) as running:

        def ask(first: int) -> list[float]:
            options = {"first": first, "most": TURN, "warm-up": WARM_UP}
            tally = load("once", running.url + path, [queries], **options)
            if bad := [*tally["wrong"], *tally["failed"], *tally["refused"]]:
                raise RuntimeError(f"{' '.join(command)}: {bad[0]}")
            times: list[float] = tally["answered"]
            return times

        yield ask


def take_turns(ways: Mapping[str, Start], pictures: int, turns: int) -> dict[str, list[float]]:
    """Start all ways, and ask each about the same pictures turn by turn.

    Returns
    -------
    dict
        The seconds of each answer, in the same order of pictures for all ways.
    """
    times: dict[str, list[float]] = {name: [] for name in ways}
    with ExitStack() as stack:
        asks = {name: stack.enter_context(start()) for name, start in ways.items()}
        for ask in asks.values():
            ask(0)
        for turn in range(turns):
            first = turn * TURN % max(TURN, pictures - pictures % TURN)
            for name, ask in asks.items():
                times[name] += ask(first)
    return times
