"""Hold a server's connections with clients that say little, and see how a good one fares.

Of five one says nothing, one half a head, and three send a byte a second of a head, an upload or a
log-in form. Whichever connection the server ends is opened anew. Meanwhile a good client asks on a
new connection each time, for the server's health, and whether a picture is known.

Example: python benchmarks/slow_clients.py photos --clients 2000 --files 1024 --seconds 60
"""

import argparse
import asyncio
import multiprocessing
import os
import tempfile
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from resource import RLIMIT_NOFILE, getrlimit, setrlimit
from typing import Any

import httpx

from serving import make_index, ours, quantile, server

FORM = b"POST /v1/search HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 190\r\ncontent-type: "
KINDS: dict[str, tuple[bytes, bytes]] = {  # what is sent at once, and then every second
    "silent": (b"", b""),
    "half a head": (b"GET /healthz HTTP/1.1\r\nhost", b""),
    "dripping head": (b"GET /healthz HTTP/1.1\r\nx: ", b"x"),
    "dripping upload": (FORM + b"multipart/form-data; boundary=b\r\n\r\n--b\r\n", b"x"),
    "dripping form": (b"POST /console/login HTTP/1.1\r\ncontent-length: 99\r\n\r\n", b"x"),
}


class Slow:
    """The slow clients, in a process of their own."""

    def __init__(self, host: str, port: int, clients: int, pause: float, counts: Any) -> None:
        self._address = (host, port)
        self._clients = clients
        self._pause = pause
        self._counts = counts  # connected now, ended by the server

    def run(self) -> None:
        """Hold as many connections as there are clients, until the process is ended."""
        asyncio.run(self._hold_all())

    async def _hold_all(self) -> None:
        kinds = [*KINDS.values()]
        holding = (self._hold(*kinds[number % len(kinds)]) for number in range(self._clients))
        await asyncio.gather(*holding)

    async def _hold(self, first: bytes, then: bytes) -> None:
        """Hold a connection, and another one when it is ended."""
        while True:
            with suppress(OSError):
                reader, writer = await asyncio.open_connection(*self._address)
                self._counts[0] += 1
                with suppress(OSError):
                    writer.write(first)
                    while not reader.at_eof():
                        with suppress(TimeoutError):
                            async with asyncio.timeout(1):
                                await reader.read(65_536)
                        writer.write(then)
                self._counts[0] -= 1
                self._counts[1] += 1
                writer.close()
            await asyncio.sleep(self._pause)


def ask(url: str, picture: bytes, seconds: float) -> dict[str, list[float]]:
    """Ask on a new connection each time; return how long each answer took."""
    times: dict[str, list[float]] = {"/healthz": [], "/v1/search": []}
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for path, each in times.items():
            sent: dict[str, Any] = {} if path == "/healthz" else {"files": {"image": picture}}
            with httpx.Client(timeout=30, verify=False) as client:  # noqa: S501 -- there is no TLS
                begun = time.perf_counter()
                response = client.request("POST" if sent else "GET", url + path, **sent)
                each.append(time.perf_counter() - begun)
            response.raise_for_status()
        time.sleep(0.05)
    return times


def measure(url: str, picture: bytes, options: Any) -> None:
    """Print the table."""
    parts, counts = httpx.URL(url), multiprocessing.Array("i", 2, lock=False)
    alone = ask(url, picture, 5)
    slow = Slow(parts.host, parts.port or 0, options.clients, options.pause, counts)
    process = multiprocessing.Process(target=slow.run, daemon=True)
    process.start()
    times = ask(url, picture, options.seconds)
    connected, ended = counts
    process.terminate()
    process.join()
    print(f"{datetime.now(UTC):%Y-%m-%d} · {os.cpu_count()} cores · {options.files} open files")
    print(f"{connected} of {options.clients} slow clients connected at the end, {ended} were ended")
    print("| asked | answers | p50, ms | p99, ms | longest, ms | p50 without them, ms |")
    print("|---|---|---|---|---|---|")
    for path, each in times.items():
        figures = [1000 * value for value in (quantile(each, 0.5), quantile(each, 0.99), max(each))]
        row = " | ".join(f"{figure:.1f}" for figure in figures)
        print(f"| `{path}` | {len(each)} | {row} | {1000 * quantile(alone[path], 0.5):.1f} |")


def main() -> None:
    """Serve and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--clients", type=int, default=2000)
    parser.add_argument("--files", type=int, default=1024, help="open files of the server, at most")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--pause", type=float, default=10, help="seconds until one connects anew")
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    soft, hard = getrlimit(RLIMIT_NOFILE)
    setrlimit(RLIMIT_NOFILE, (min(hard, max(soft, options.clients + 200)), hard))
    picture = next(options.pictures.glob("*.jpg")).read_bytes()
    with tempfile.TemporaryDirectory() as home:
        environment = make_index(Path(home), options.pictures)
        limited = ["prlimit", f"--nofile={options.files // 2}:{options.files}"]
        with server([*limited, *ours(options.workers)], environment) as served:
            measure(served.url, picture, options)


if __name__ == "__main__":
    main()
