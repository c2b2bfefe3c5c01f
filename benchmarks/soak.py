"""Ask more of a server than it can answer, for minutes, and watch its memory and its answers.

The capacity is measured first: 16 requests at once for a quarter of a minute. Then 1.5 times as
many a second are sent, whatever becomes of them, each on a connection of its own. Half of the
pictures are the bank's own. Before the soak each is asked about alone; every answer under load must
be the same, name the file that was sent and its SHA-256. Memory is that of all the server's
processes, sampled every second; the first tenth of the time is warm-up.

Example: python benchmarks/soak.py ../shared/bench/dev/queries ../shared/bench/dev/refs --minutes 10
"""

import argparse
import json
import os
import tempfile
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import psutil

from serving import load, make_index, ours, quantile, server

EXCESS = 1.5  # times the capacity
QUICK = 0.05  # seconds within which a refusal is to come


class Memory:
    """Samples the memory of a process and all its children."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._sample)
        self.samples: list[float] = []  # MiB

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._over.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._over.wait(1.0):
            family = [self._process, *self._process.children(recursive=True)]
            self.samples.append(sum(one.memory_info().rss for one in family) / 2**20)


def report(tally: dict[str, Any], memory: list[float], rate: float, capacity: float) -> None:
    """Print the table."""
    warm = memory[max(1, len(memory) // 10) :]
    middle = quantile(warm, 0.5)
    spread = max(max(warm) / middle - 1, 1 - min(warm) / middle)
    tenth = max(1, len(warm) // 10)
    drift = sum(warm[-tenth:]) / sum(warm[:tenth]) - 1
    answered, refused = tally["answered"], tally["refused"]
    asked = len(answered) + len(refused) + len(tally["wrong"]) + len(tally["failed"])
    print("| what | value |")
    print("|---|---|")
    print(f"| capacity, then sent | {capacity:.1f}/s, {rate:.1f}/s, {asked} in all |")
    print(
        f"| answered | {len(answered)}, p50 {1000 * quantile(answered, 0.5):.0f} ms, "
        f"p99 {1000 * quantile(answered, 0.99):.0f} ms |"
    )
    overloaded = tally["codes"].get("overloaded", 0)
    print(
        f"| refused | {len(refused)} ({overloaded} overloaded), "
        f"p50 {1000 * quantile(refused, 0.5):.1f} ms, p99 {1000 * quantile(refused, 0.99):.1f} ms, "
        f"longest {1000 * max(refused, default=0):.1f} ms |"
    )
    late = sum(seconds >= QUICK for seconds in refused)
    print(f"| refused after 50 ms or more | {late} |")
    print(f"| wrong or mixed up | {len(tally['wrong'])} |")
    print(f"| broken connections | {len(tally['failed'])} |")
    print(
        f"| memory after warm-up | {middle:.0f} MiB, within ±{100 * spread:.1f} %, "
        f"last tenth against first {100 * drift:+.1f} % |"
    )
    for message in (*tally["wrong"], *tally["failed"])[:5]:
        print(message)


def main() -> None:
    """Measure the capacity, soak, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("queries", type=Path, help="folder of pictures that are asked about")
    parser.add_argument("refs", type=Path, help="folder of pictures that are in the bank")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--most", type=int, default=400, help="pictures asked about")
    a = parser.parse_args()
    folders = [a.queries, a.refs]
    with tempfile.TemporaryDirectory() as home:
        environment = make_index(Path(home), a.refs)
        with server(ours(a.workers), environment) as running:
            url = running.url + "/v1/search"
            alone = load("once", url, folders, most=a.most)
            expected = Path(home) / "expected.json"
            expected.write_text(json.dumps(alone["verdicts"]))
            tally = load("closed", url, folders, most=a.most, connections=16, seconds=15)
            capacity = len(tally["answered"]) / tally["took"]
            rate, seconds = EXCESS * capacity, 60 * a.minutes
            with Memory(running.pid) as memory:
                begun = time.perf_counter()
                tally = load(
                    "open",
                    url,
                    folders,
                    most=a.most,
                    rate=rate,
                    seconds=seconds,
                    expected=expected,
                )
                took = time.perf_counter() - begun
    print(
        f"{a.most} pictures, {a.workers} workers, {os.cpu_count()} cores, {took / 60:.1f} minutes, "
        f"{datetime.now(UTC):%Y-%m-%d}"
    )
    report(tally, memory.samples, rate, capacity)


if __name__ == "__main__":
    main()
