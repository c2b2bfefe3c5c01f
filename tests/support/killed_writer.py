"""A process that grows a view and writes snapshots, until it is killed."""

import os
import sys
import time
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Final

# Puts as many keys as are given at a time, and writes a snapshot after each.
_WRITER: Final = """
import sys
from importlib import import_module
from pathlib import Path
from support.memory_feed import MemoryFeed

folder, module = Path(sys.argv[1]), import_module(sys.argv[2])
begin, end, step = map(int, sys.argv[3:])
feed = MemoryFeed()
feed.put(*range(begin))
view = module.open_view(folder, feed)
print("ready", flush=True)
for start in range(begin, end, step):
    feed.put(*range(start, start + step))
    view.catch_up()
    view.snapshot()
"""


def kill_a_writer(folder: Path, test: str, keys: range, *, seconds: float) -> None:
    """Start a writer and kill it.

    Parameters
    ----------
    folder : Path
    test : str
        The tests' module whose `open_view` opens the view.
    keys : range
        What the log begins with ends where it starts; its step is what is put at a time.
    seconds : float
        How long the writer works.
    """
    numbers = map(str, (keys.start, keys.stop, keys.step))
    command = [sys.executable, "-c", _WRITER, str(folder), test, *numbers]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    with Popen(command, stdout=PIPE, env=environment) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"ready\n"
        time.sleep(seconds)
        writer.kill()
