"""Measure what it gains that workers share their connections out among each other.

Two workers on one socket, first with `connection_balancing` and then without it, in turns. So many
connections are opened at once and kept; on each the same photo is searched again and again.

Example: python benchmarks/balancing.py photos
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

import httpx
import psutil

from serving import make_index, ours, server

UNBALANCED = """\
from search_api.process.connection_balancing import Share

Share.is_more = lambda self, connections: False  # this module is loaded anew in each worker

if __name__ == "__main__":
    from search_api.cli import app

    app()
"""


def measure(
    url: str, pid: int, photo: bytes, connections: int, seconds: float
) -> tuple[float, float, list[int]]:
    """Return answers and refusals a second, and the connections that each worker has."""
    clients = [httpx.Client(base_url=url, timeout=60) for _ in range(connections)]
    refused = []

    def search(client: httpx.Client) -> int:
        answers, until = 0, time.monotonic() + seconds
        while time.monotonic() < until:
            answer = client.post("/v1/search", files={"image": ("a.jpg", photo)})
            if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE:
                refused.append(answer)
                time.sleep(0.1)
            else:
                answer.raise_for_status()
                answers += 1
        return answers

    with ThreadPoolExecutor(connections) as pool:
        list(pool.map(lambda client: client.get("/healthz"), clients))  # all connect at once
        held = Counter(
            child.pid
            for child in psutil.Process(pid).children()
            for connection in child.net_connections(kind="inet")
            if connection.status == psutil.CONN_ESTABLISHED
        )
        rate = sum(pool.map(search, clients)) / seconds
    for client in clients:
        client.close()
    return rate, len(refused) / seconds, sorted(held.values())


def main() -> None:
    """Print the answers a second of each way, round by round."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path, help="folder that is indexed; its first is searched")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10)
    options = parser.parse_args()
    photo = min(options.photos.glob("*.jpg")).read_bytes()
    with tempfile.TemporaryDirectory() as folder:
        environment = make_index(Path(folder) / "home", options.photos)
        program = Path(folder) / "unbalanced.py"
        program.write_text(UNBALANCED)
        ways = {
            "balanced": ours(2),
            "as the kernel has it": [sys.executable, str(program), *ours(2)[1:]],
        }
        rates: dict[str, list[float]] = {way: [] for way in ways}
        for number in range(1, options.rounds + 1):
            for way, command in ways.items():
                with server(command, environment) as served:
                    rate, refused, held = measure(
                        served.url, served.pid, photo, options.connections, options.seconds
                    )
                rates[way].append(rate)
                print(
                    f"round {number}, {way}: {rate:.1f}/s, refused {refused:.1f}/s, "
                    f"connections {held}",
                    flush=True,
                )
    gain = median(a / b for a, b in zip(*rates.values(), strict=True)) - 1
    print(f"Balanced connections answer {gain:+.0%} (median of {options.rounds} rounds).")


if __name__ == "__main__":
    main()
