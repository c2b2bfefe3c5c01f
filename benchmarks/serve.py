"""Measure the server beside a naive one and beside the bare library, under load from outside.

Everything runs once, one after the other, over the same pictures; the load comes from a process of
its own, which checks every answer.

- bare calls: decode, forward pass, and a search of one flat FAISS index, in a loop in one process;
  with one thread, and with the forward pass on all cores
- library: `Matcher.match` in a loop in one process
- naive: a FastAPI `def` endpoint with PIL, timm's transform and FAISS, the model in torch, or in
  ONNX Runtime; both with their default threads
- ours: `lookalike serve`, with one and two workers, matching queries with no other views, and with
  the default ones (the library likewise)

Example: python benchmarks/serve.py ../shared/bench/dev/queries ../shared/bench/dev/refs
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from commands import COMMAND
from indexer.parallelism import limit_library_threads
from serving import HERE, load, make_index, quantile, server

CONCURRENCY = (1, 8, 32)
WARM_UP = 16  # requests


@dataclass(frozen=True, slots=True)
class Row:
    """One way at one concurrency."""

    way: str
    concurrency: int
    rate: float  # answers a second
    p50: float  # seconds
    p99: float
    bad: int  # wrong, failed or refused

    def against(self, naive: "Row | None", bare: "Row | None") -> str:
        """Return the row of the table."""
        ratio = f"{self.rate / naive.rate:.2f}" if naive else ""
        tail = f"{self.p99 / naive.p99:.2f}" if naive else ""
        over = f"{100 * (self.p50 / bare.p50 - 1):+.0f} %" if bare else ""
        return (
            f"| {self.way} | {self.concurrency} | {self.rate:.1f} | {1000 * self.p50:.1f} | "
            f"{1000 * self.p99:.1f} | {ratio} | {tail} | {over} | {self.bad} |"
        )


def bare_calls(cores: int | None) -> Callable[[bytes], object]:
    """Return decode, forward pass on so many cores (None for all), and search, and no more."""
    import faiss
    import numpy as np

    from indexer.cores import Cores
    from indexer.images import decode
    from indexer.model import load_encoder
    from indexer.settings import SHIPPED_MODEL, load_settings

    settings = load_settings()
    encoder = load_encoder(
        SHIPPED_MODEL, "cpu", cache=settings.resolved_model_cache, cores=Cores(cores)
    )
    dimension = encoder.card.dimension
    index = faiss.IndexFlatIP(dimension)
    index.add(np.random.default_rng(0).standard_normal((2000, dimension)).astype(np.float32))

    def one(data: bytes) -> object:
        rgb = decode(data, settings.image_limits, at_least=encoder.decode_size).rgb
        return index.search(encoder.encode([rgb]).embeddings, 10)

    return one


def library() -> Callable[[bytes], object]:
    """Return the matcher's own call."""
    from indexer.cores import Cores
    from indexer.matching import open_matcher
    from indexer.settings import load_settings
    from indexer.store import open_store

    settings = load_settings()
    store = open_store(settings.resolved_database_url)
    matcher = open_matcher(store, settings, cores=Cores())
    return lambda data: matcher.match(data, "query")


def in_process(way: str, queries: Path, most: int, seconds: float) -> None:
    """Measure one way in this process, and print the times."""
    limit_library_threads()
    one = {
        "bare": partial(bare_calls, 1),
        "bare-wide": partial(bare_calls, None),
        "library": library,
    }[way]()
    pictures = [p.read_bytes() for p in sorted(queries.iterdir())[:most]]
    for data in pictures[:WARM_UP]:
        one(data)
    times, over, number = [], time.perf_counter() + seconds, 0
    while time.perf_counter() < over:
        begun = time.perf_counter()
        one(pictures[number % len(pictures)])
        times.append(time.perf_counter() - begun)
        number += 1
    json.dump(times, sys.stdout)


def looped(way: str, name: str, a: argparse.Namespace, environment: dict[str, str]) -> Row:
    """Measure calls in a loop, in a process of their own."""
    command = [sys.executable, __file__, str(a.queries), str(a.refs), "--only", way]
    command += ["--most", str(a.most), "--seconds", str(a.seconds)]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
    times = json.loads(done.stdout)
    return Row(name, 1, len(times) / sum(times), quantile(times, 0.5), quantile(times, 0.99), 0)


def served(
    name: str, path: str, command: list[str], a: argparse.Namespace, environment: dict[str, str]
) -> list[Row]:
    """Measure a server at each concurrency."""
    rows = []
    workers = int(command[command.index("--workers") + 1]) if "--workers" in command else 1
    with server(command, environment, workers) as running:
        url = running.url + path
        load("once", url, [a.queries], most=WARM_UP)
        for concurrency in a.concurrency:
            tally = load(
                "closed",
                url,
                [a.queries],
                most=a.most,
                connections=concurrency,
                seconds=a.seconds,
            )
            times = tally["answered"]
            bad = sum(len(tally[kind]) for kind in ("refused", "wrong", "failed"))
            p50, p99 = quantile(times, 0.5), quantile(times, 0.99)
            rows.append(Row(name, concurrency, len(times) / tally["took"], p50, p99, bad))
            for message in (*tally["wrong"], *tally["failed"])[:3]:
                print(f"{name}: {message}", file=sys.stderr)
    return rows


def main() -> None:
    """Measure each way and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("queries", type=Path, help="folder of pictures that are asked about")
    parser.add_argument("refs", type=Path, help="folder of pictures that are in the bank")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each row")
    parser.add_argument("--most", type=int, default=400, help="pictures asked about")
    parser.add_argument("--concurrency", type=int, nargs="+", default=CONCURRENCY)
    parser.add_argument("--only", help="measure one way, in this process (used by the script)")
    a = parser.parse_args()
    if a.only:
        in_process(a.only, a.queries, a.most, a.seconds)
        return
    with tempfile.TemporaryDirectory() as home:
        environment = make_index(Path(home), a.refs)
        plain = {**environment, "LOOKALIKE_QUERY_VIEWS": "none"}
        count = str(sum(1 for _ in a.refs.iterdir()))
        rows = [
            looped("bare", "bare calls, one thread", a, environment),
            looped("bare-wide", "bare calls, all cores", a, environment),
            looped("library", "library, no views", a, plain),
            looped("library", "library, default views", a, environment),
        ]
        for runtime in ("torch", "onnx"):
            script = [sys.executable, str(HERE / "naive_server.py"), runtime, "--count", count]
            rows += served(f"naive, {runtime}", "/search", script, a, environment)
        for views, variables in (("no views", plain), ("default views", environment)):
            for workers in (1, 2):
                command = [COMMAND, "serve", "--port", "0", "--workers", str(workers)]
                name = f"ours, {views}, {workers} worker{'s' * (workers > 1)}"
                rows += served(name, "/v1/search", command, a, variables)
    naive = {row.concurrency: row for row in rows if row.way == "naive, torch"}
    bare = rows[0]
    print(
        f"{a.most} pictures, {count} in the bank, {os.cpu_count()} cores, {a.seconds:g} s a row, "
        f"{datetime.now(UTC):%Y-%m-%d}"
    )
    print(
        "| way | at once | answers/s | p50, ms | p99, ms | x naive, torch | p99 / its p99 "
        "| p50 over bare calls | wrong, failed, refused |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for row in rows:
        print(row.against(naive.get(row.concurrency), bare if row.concurrency == 1 else None))


if __name__ == "__main__":
    main()
