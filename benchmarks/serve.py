"""Measure the server beside a naive one and beside the bare library, under load from outside.

Over the same pictures, in one run; the load comes from a process of its own, which checks every
answer.

- bare calls: decode, forward pass, and a search of one flat FAISS index, in a loop in one process;
  with one thread, and with the forward pass on all cores
- library: `Matcher.answer` in a loop in one process: decode, hashes, forward pass, search by three
  signals, catalog, judgement; with one core and with all
- naive: a FastAPI `def` endpoint with PIL, timm's transform and FAISS, the model in torch, or in
  ONNX Runtime; both with their default threads
- ours: `lookalike serve`, with one worker that has all cores and with two that share them, matching
  queries with no other views, and with the default ones (the library likewise)

One at a time the ways take turns, so that what differs is the ways and not the minutes; what HTTP
costs is told by our server beside the library with the same cores and views.

Example: python benchmarks/serve.py ../shared/bench/dev/queries ../shared/bench/dev/refs
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import fmean

from indexer.runtime.cpu import limit_library_threads
from serving import HERE, load, make_index, ours, quantile, server
from turns import Start, loop, looped, served, take_turns

CONCURRENCY = (8, 32)
WARM_UP = 16  # requests
CORES = os.cpu_count() or 1


@dataclass(frozen=True, slots=True)
class Row:
    """One way at one concurrency."""

    way: str
    concurrency: int
    rate: float  # answers a second
    p50: float  # seconds
    p99: float
    bad: int  # wrong, failed or refused

    def against(self, naive: "Row") -> str:
        """Return the row of the table."""
        return (
            f"| {self.way} | {self.concurrency} | {self.rate:.1f} | {1000 * self.p50:.1f} | "
            f"{1000 * self.p99:.1f} | {self.rate / naive.rate:.2f} | {self.p99 / naive.p99:.2f} | "
            f"{self.bad} |"
        )


def bare_calls(cores: int) -> Callable[[bytes], object]:
    """Return decode, forward pass on so many cores, and search, and no more."""
    import faiss
    import numpy as np

    from indexer.images.decode import decode
    from indexer.model import load_encoder
    from indexer.runtime.cpu import Cores
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


def library(cores: int) -> Callable[[bytes], object]:
    """Return the matcher's own call with so many cores."""
    from indexer.matching import Query, open_matcher
    from indexer.runtime.cpu import Cores
    from indexer.settings import load_settings
    from indexer.store import open_store

    settings = load_settings()
    store = open_store(settings.resolved_database_url)
    matcher = open_matcher(store, settings, cores=Cores(cores))
    return lambda data: matcher.answer(Query.picture(data, "query"))


def in_process(way: str, queries: Path, most: int) -> None:
    """Measure one way in this process when it is its turn."""
    limit_library_threads()
    name, _, cores = way.partition("-")
    call = {"bare": bare_calls, "library": library}[name](int(cores))
    loop(call, [p.read_bytes() for p in sorted(queries.iterdir())[:most]])


def naive(runtime: str, count: int) -> list[str]:
    """Return the command of a naive endpoint."""
    return [sys.executable, str(HERE / "naive_server.py"), runtime, "--count", str(count)]


def name_of_ours(views: str, workers: int) -> str:
    """Return what the tables call our server."""
    return f"ours, {views}, {workers} worker{'s' * (workers > 1)}"


def one_at_a_time(a: argparse.Namespace, count: int, views: Mapping[str, dict[str, str]]) -> None:
    """Let the ways take turns, one of our servers at a time, for it polls; print the table."""
    print(
        "| one at a time | p50, ms | mean, ms | p99, ms | p50 (mean) over bare calls, 1 core "
        "| over the library, same views and cores |"
    )
    print("|---|---|---|---|---|---|")
    plain = views["no views"]

    def called(way: str, environment: dict[str, str]) -> Start:
        script = [sys.executable, __file__, str(a.queries), str(a.refs), "--only", way]
        return partial(looped, [*script, "--most", str(a.most)], environment)

    def compare(ways: Mapping[str, Start], base: str = "") -> None:
        bare = "bare calls, 1 core"
        times = take_turns({bare: called("bare-1", plain), **ways}, a.most, a.turns)

        def over(way: str, other: str) -> str:
            p50 = quantile(times[way], 0.5) / quantile(times[other], 0.5)
            mean = fmean(times[way]) / fmean(times[other])
            return f"{100 * (p50 - 1):+.0f} % ({100 * (mean - 1):+.0f} %)"

        for way, taken in times.items():
            measures = (quantile(taken, 0.5), fmean(taken), quantile(taken, 0.99))
            figures = " | ".join(f"{1000 * value:.1f}" for value in measures)
            on_top = over(way, base) if way.startswith("ours") else ""
            print(f"| {way} | {figures} | {over(way, bare)} | {on_top} |", flush=True)

    compare(
        {f"bare calls, {CORES} cores": called(f"bare-{CORES}", plain)}
        | {
            f"naive, {runtime}": partial(served, naive(runtime, count), plain, "/search", a.queries)
            for runtime in ("torch", "onnx")
        }
    )
    for name, environment in views.items():
        for workers in (1, 2):
            cores = max(1, CORES // workers)
            base = f"library, {name}, {cores} core{'s' * (cores > 1)}"
            way = name_of_ours(name, workers)
            server_of_ours = partial(served, ours(workers), environment, "/v1/search", a.queries)
            compare({base: called(f"library-{cores}", environment), way: server_of_ours}, base)


def under_load(
    name: str, path: str, command: list[str], a: argparse.Namespace, environment: dict[str, str]
) -> list[Row]:
    """Measure a server at each concurrency."""
    rows = []
    with server(command, environment) as running:
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


def several_at_once(a: argparse.Namespace, count: int, views: Mapping[str, dict[str, str]]) -> None:
    """Load one server after the other, and print the table."""
    rows = []
    for runtime in ("torch", "onnx"):
        command = naive(runtime, count)
        rows += under_load(f"naive, {runtime}", "/search", command, a, views["no views"])
    for name, environment in views.items():
        for workers in (1, 2):
            way = name_of_ours(name, workers)
            rows += under_load(way, "/v1/search", ours(workers), a, environment)
    torch = {row.concurrency: row for row in rows if row.way == "naive, torch"}
    print(
        "| way | at once | answers/s | p50, ms | p99, ms | x naive, torch | p99 / its p99 "
        "| wrong, failed, refused |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for row in rows:
        print(row.against(torch[row.concurrency]))


def main() -> None:
    """Measure each way and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("queries", type=Path, help="folder of pictures that are asked about")
    parser.add_argument("refs", type=Path, help="folder of pictures that are in the bank")
    parser.add_argument("--turns", type=int, default=20, help="of each way, one at a time")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each row, several at once")
    parser.add_argument("--most", type=int, default=400, help="pictures asked about")
    parser.add_argument("--concurrency", type=int, nargs="*", default=CONCURRENCY)
    parser.add_argument("--only", help="measure one way, in this process (used by the script)")
    a = parser.parse_args()
    if a.only:
        in_process(a.only, a.queries, a.most)
        return
    with tempfile.TemporaryDirectory() as home:
        environment = make_index(Path(home), a.refs)
        views = {
            "no views": {**environment, "LOOKALIKE_QUERY_VIEWS": "none"},
            "default views": environment,
        }
        count = sum(1 for _ in a.refs.iterdir())
        print(
            f"{a.most} pictures, {count} in the bank, {CORES} cores, {a.turns} turns, "
            f"{a.seconds:g} s a row, {datetime.now(UTC):%Y-%m-%d}\n"
        )
        if a.turns:
            one_at_a_time(a, count, views)
            print()
        if a.concurrency:
            several_at_once(a, count, views)


if __name__ == "__main__":
    main()
