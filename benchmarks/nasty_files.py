"""Give nasty files to `index add` and to a server, and weigh each.

The files are those of tests/support/nasty.py, written into a folder that a second run uses again.
Each goes through `lookalike index add` in a process of its own (forked from one that has loaded the
libraries) and through `POST /v1/search` of a real server. Then one caller and eight at once ask
about all of them, while `/healthz` is asked twenty times a second. What a small photo takes is
subtracted.

Example: python benchmarks/nasty_files.py /tmp/nasty
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

TESTS = Path(__file__).parent.parent / "tests"
sys.path.insert(0, str(TESTS))

import httpx
import psutil
from PIL import Image

from commands import COMMAND
from served_memory import Peak
from serving import read_url
from support.nasty import NASTY

PHOTO = TESTS.parent / "photos" / "bee.jpg"
MOST_SECONDS, MOST_BYTES, MOST_LINES = 3.0, 10**9, 1
MOST_HEALTH = 0.1  # seconds
CALLERS = 8


@dataclass(frozen=True, slots=True)
class Weight:
    """What a file took."""

    seconds: float  # of the processor
    peak: float  # bytes
    lines: int
    outcome: str

    def over(self, base: "Weight") -> "Weight":
        """Return what it took more than another."""
        seconds, peak = self.seconds - base.seconds, self.peak - base.peak
        return Weight(max(0.0, seconds), max(0.0, peak), self.lines - base.lines, self.outcome)

    @property
    def holds(self) -> bool:
        """Whether it is within the bounds."""
        return self.seconds <= MOST_SECONDS and self.peak <= MOST_BYTES and self.lines <= MOST_LINES


def write_files(folder: Path) -> list[Path]:
    """Write those files that are not there yet."""
    Image.MAX_IMAGE_PIXELS = None
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in NASTY.items():
        if not (folder / name).exists():
            (folder / name).write_bytes(make())
    return [folder / name for name in NASTY]


def weigh_commands(files: Sequence[Path], home: Path) -> dict[str, Weight]:
    """Add each file by the command line."""
    os.environ |= {"LOOKALIKE_HOME": str(home), "LOOKALIKE_WORKER_THREADS": "1"}

    from search_api.cli import app

    def add(file: Path) -> Weight:
        log = home.parent / "stderr"
        child = os.fork()
        if not child:
            out = os.open(os.devnull, os.O_WRONLY)
            err = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(out, 1)
            os.dup2(err, 2)
            try:
                app(["index", "add", str(file)], prog_name="lookalike")
            except SystemExit as ended:
                os._exit(int(ended.code or 0))
            os._exit(0)
        _, status, usage = os.wait4(child, 0)
        lines = log.read_text(errors="replace").splitlines()
        outcome = str(os.waitstatus_to_exitcode(status))
        seconds = usage.ru_utime + usage.ru_stime
        return Weight(seconds, 1024 * usage.ru_maxrss, len(lines), outcome)

    add(PHOTO)
    base = add(files[0].parent / "no-such-file")
    return {file.name: add(file).over(base) for file in files}


def make_home(home: Path) -> None:
    """Make an empty index."""
    environment = os.environ | {"LOOKALIKE_HOME": str(home)}
    subprocess.run([COMMAND, "init"], env=environment, check=True, capture_output=True)


@contextmanager
def serving(home: Path, log: Path) -> Iterator[tuple[str, psutil.Process]]:
    """Start a server with as many threads as there are callers; give its address and process."""
    environment = os.environ | {
        "LOOKALIKE_HOME": str(home),
        "LOOKALIKE_SERVE_THREADS": str(CALLERS),
        "LOOKALIKE_SERVE_QUEUE_TIMEOUT": "600",
    }
    with log.open("w") as errors:
        process = subprocess.Popen(
            [COMMAND, "serve", "--port", "0"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        printed: Any = process.stdout
        url = read_url(printed)
        try:
            yield url, psutil.Process(process.pid)
        finally:
            process.terminate()
            process.wait(timeout=60)
            printed.close()


def ask(url: str, file: Path) -> str:
    """Search by a file; return the status."""
    with file.open("rb") as opened:
        answer = httpx.post(f"{url}/v1/search", files={"image": opened}, timeout=600)
    return str(answer.status_code)


def weigh_requests(
    files: Sequence[Path], url: str, server: psutil.Process, log: Path
) -> dict[str, Weight]:
    """Search by each file, one after another."""

    def search(file: Path) -> Weight:
        peak = Peak(server.pid, base)
        before, lines = server.cpu_times(), len(log.read_bytes().splitlines())
        outcome = ask(url, file)
        after = server.cpu_times()
        seconds = after.user + after.system - before.user - before.system
        said = len(log.read_bytes().splitlines()) - lines
        return Weight(seconds, peak.over(), said, outcome)

    base = 0
    search(PHOTO)
    base = Peak(server.pid).base
    photo = search(PHOTO)
    return {file.name: search(file).over(photo) for file in files}


WATCH = """
import http.client, json, sys, threading, time
over = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), over.set())).start()
connection = http.client.HTTPConnection(sys.argv[1], timeout=60)
waits = []
while not over.wait(0.05):
    begun = time.perf_counter()
    connection.request("GET", "/healthz")
    assert connection.getresponse().read()
    waits.append(time.perf_counter() - begun)
print(json.dumps(waits))
"""


class Health:
    """Asks a server how it is, twenty times a second, from a process of its own."""

    def __init__(self, url: str) -> None:
        self.waits: list[float] = []
        self._address = url.removeprefix("http://").rstrip("/")

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-c", WATCH, self._address],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *_exception: object) -> None:
        printed, _ = self._process.communicate("")
        self.waits = json.loads(printed)


def timed(call: Callable[[], object]) -> float:
    """Return how long a call takes."""
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def report(way: str, weights: dict[str, Weight]) -> bool:
    """Print the worst of a way, and whether all hold."""
    outcomes: dict[str, int] = {}
    for weight in weights.values():
        outcomes[weight.outcome] = outcomes.get(weight.outcome, 0) + 1
    failed = {name: weight for name, weight in weights.items() if not weight.holds}
    print(f"\n{way}: {len(weights)} files, outcomes {outcomes}, {len(failed)} beyond the bounds")
    print("| file | processor | memory over the base | log lines | outcome |")
    print("|---|---|---|---|---|")
    worst = sorted(weights.items(), key=lambda item: -item[1].seconds)[:6]
    worst += sorted(weights.items(), key=lambda item: -item[1].peak)[:6]
    for name, weight in {**dict(worst), **failed}.items():
        print(
            f"| {name} | {weight.seconds:.2f} s | {weight.peak / 2**20:,.0f} MiB "
            f"| {weight.lines} | {weight.outcome} |"
        )
    return not failed


def main() -> None:
    """Weigh, print, and end with 1 if anything is beyond its bound."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where the files are, or are to be written")
    parser.add_argument("--skip-commands", action="store_true", help="ask the server only")
    options = parser.parse_args()
    files = write_files(options.folder)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        make_home(home)
        log = Path(folder) / "log"
        with serving(home, log) as (url, server):
            ask(url, PHOTO)
            base = Peak(server.pid).base
            good = report("POST /v1/search", weigh_requests(files, url, server, log))
            with Health(url) as alone:  # weighing walks the server's memory, which stops it
                for file in files:
                    ask(url, file)
            peak = Peak(server.pid, base)
            order = random.Random(0).sample(files, len(files))
            with Health(url) as health, ThreadPoolExecutor(CALLERS) as pool:
                wait = timed(lambda: list(pool.map(lambda file: ask(url, file), order)))
            print(
                f"\n{CALLERS} callers: {len(order)} files in {wait:.0f} s, at most "
                f"{peak.over() / 2**20:,.0f} MiB over the base of {peak.base / 2**20:,.0f} MiB"
            )
        for way, waits in (("one caller", alone.waits), (f"{CALLERS} callers", health.waits)):
            late = sum(wait > MOST_HEALTH for wait in waits)
            ordered = sorted(waits)
            print(
                f"/healthz beside {way}: {len(waits)} asked, p50 "
                f"{1000 * ordered[len(ordered) // 2]:.0f} ms, p99 "
                f"{1000 * ordered[int(0.99 * len(ordered))]:.0f} ms, longest "
                f"{1000 * ordered[-1]:.0f} ms, {late} above {1000 * MOST_HEALTH:.0f} ms"
            )
            good &= not late
        if not options.skip_commands:
            good &= report("lookalike index add", weigh_commands(files, home))
    print("\nall within the bounds" if good else "\nNOT all within the bounds")
    sys.exit(not good)


if __name__ == "__main__":
    main()
