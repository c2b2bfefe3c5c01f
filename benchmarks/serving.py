"""Servers and load in processes of their own, for the benchmarks of serving."""

import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from commands import COMMAND

HERE = Path(__file__).parent
IDLE = 0.15  # seconds of CPU time in a second that workers without requests stay below


@dataclass(frozen=True, slots=True)
class Served:
    """A server that answers."""

    url: str
    pid: int


def make_index(home: Path, refs: Path) -> dict[str, str]:
    """Index a folder as one block bank; return the environment that names the index."""
    environment = {**os.environ, "LOOKALIKE_HOME": str(home), "LOOKALIKE_LOG_LEVEL": "WARNING"}
    for command in (["init"], ["index", "add", str(refs), "--bank", "known"]):
        subprocess.run([COMMAND, *command], env=environment, check=True, capture_output=True)
    return environment


def ours(workers: int) -> list[str]:
    """Return the command of our server."""
    return [COMMAND, "serve", "--port", "0", "--workers", str(workers)]


@contextmanager
def server(command: Sequence[str], environment: dict[str, str]) -> Iterator[Served]:
    """Start a server that prints its URL when it is ready; stop it at the end."""
    workers = int(command[command.index("--workers") + 1]) if "--workers" in command else 1
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    printed: Any = process.stdout
    try:
        url = read_url(printed)
        if workers > 1:
            wait_for_workers(process.pid, workers)
        yield Served(url, process.pid)
    finally:
        process.terminate()
        process.wait(timeout=60)
        printed.close()


def read_url(printed: Any) -> str:
    """Return the URL that a server prints first; ours says where its console is."""
    line: str = printed.readline()
    url = next(word for word in line.split() if word.startswith("http://"))
    return url.removesuffix("/console")


def wait_for_workers(pid: int, workers: int) -> None:
    """Return when all workers have loaded the model: they hold the socket long before, but work."""
    import psutil

    def worked() -> float:
        children = psutil.Process(pid).children()
        if sum(len(child.net_connections(kind="inet")) > 0 for child in children) < workers:
            return math.nan  # which is not below anything
        return sum(sum(child.cpu_times()[:2]) for child in children)

    before, now = math.nan, worked()
    while not now - before < IDLE:
        time.sleep(1)
        before, now = now, worked()


def load(way: str, url: str, folders: Sequence[Path], **options: Any) -> dict[str, Any]:
    """Run the load in a process of its own; return its tally."""
    flags = [f"--{name}={value}" for name, value in options.items()]
    command = [sys.executable, str(HERE / "load.py"), way, url, *map(str, folders), *flags]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    tally: dict[str, Any] = json.loads(done.stdout)
    return tally


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value that so many are not above; nan of nothing."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else math.nan
