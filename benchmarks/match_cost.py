"""Measure where the time of one match goes, beside what no server can do without.

The references are indexed by `lookalike index add`; then some of the queries are matched in this
process, one after the other, with each LOOKALIKE_QUERY_VIEWS, nothing verified, and as a default
install does it: insets, candidates verified. Bare is what any service does for a picture: decode
it, run the model once and search its embedding with FAISS. All take turns with each query in each
round, and of each stage of each query the quickest round counts, so that a busy machine does less
harm; trust the ratios.

Prints a table of milliseconds, with ratios to bare in brackets, and how many matches a second one
thread and several in one process make.

Example: python benchmarks/match_cost.py ../shared/bench/dev --queries 100
"""

import argparse
import os
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import mean
from typing import Any

from indexer.runtime.cpu import limit_library_threads

limit_library_threads()

from commands import COMMAND
from dev_set import DEFAULT, load_dev_set
from indexer.embedding_space import decode_size, load_bound_encoder
from indexer.images.decode import decode
from indexer.matching import Matcher, Query, open_matcher
from indexer.runtime.timing import Timing, listening
from indexer.settings import Settings
from indexer.store import open_store

WAYS: dict[str, dict[str, Any]] = {
    "none": {"query_views": "none", "verify_candidates": 0},
    "trim": {"query_views": "trim", "verify_candidates": 0},
    "insets": {"query_views": "insets", "verify_candidates": 0},
    "insets, verified (default)": {},
    "crops": {"query_views": "crops", "verify_candidates": 0},
}
STAGES = (
    "decode",
    "hash",
    "cut",
    "prepare",
    "forward",
    "embed",
    "search",
    "catalog",
    "judge",
    "verify",
    "templates",
)
Times = dict[str, float]
"""Milliseconds by stage, and of the whole."""


def answer(matcher: Matcher, data: bytes) -> None:
    """Judge one picture."""
    matcher.answer(Query.picture(data, "query"))


def timed_call(function: Callable[[bytes], object], data: bytes) -> Times:
    """Call a function and add up the stages that it goes through."""
    times: Times = defaultdict(float)

    def note(timing: Timing) -> None:
        times[timing.stage] += 1000 * timing.seconds

    with listening(note):
        begun = time.perf_counter()
        function(data)
        whole = 1000 * (time.perf_counter() - begun)
    times["judge"] -= times["verify"] + times["templates"]  # which are part of it
    times["other"] = whole - sum(times.values())
    times["match"] = whole
    return times


def least(rounds: Sequence[Times]) -> Times:
    """Keep the quickest round of each stage."""
    return {stage: min(times.get(stage, 0.0) for times in rounds) for stage in rounds[0]}


def rate(function: Callable[[bytes], object], asked: Sequence[bytes], threads: int) -> float:
    """Return calls a second from so many threads."""
    with ThreadPoolExecutor(threads) as pool:
        begun = time.perf_counter()
        list(pool.map(function, asked))
        return len(asked) / (time.perf_counter() - begun)


def measure(
    home: Path, asked: Sequence[bytes], rounds: int, threads: int
) -> tuple[dict[str, Times], float, dict[str, dict[int, float]]]:
    """Return the mean of each stage by way, of bare, and matches a second by number of threads."""
    settings = Settings(home=home)
    with open_store(settings.resolved_database_url) as store:
        matchers = {
            name: open_matcher(store, Settings(home=home, **chosen))
            for name, chosen in WAYS.items()
        }
        encoder, _ = load_bound_encoder(store, settings)
        enough = decode_size(encoder)
        index = next(iter(matchers.values())).views.embeddings.index

        def bare(data: bytes) -> None:
            picture = decode(data, settings.image_limits, at_least=enough)
            index.search(encoder.encode([picture.rgb]).embeddings, 10)

        ways: dict[str, Callable[[bytes], object]] = {"bare": bare} | {
            name: partial(answer, matcher) for name, matcher in matchers.items()
        }
        for data in asked[:5]:  # the first pay for what is remembered
            for function in ways.values():
                function(data)
        each: dict[str, list[Times]] = {name: [] for name in ways}
        for data in asked:
            turns = [
                {name: timed_call(function, data) for name, function in ways.items()}
                for _ in range(rounds)
            ]
            for name, measured in each.items():
                measured.append(least([turn[name] for turn in turns]))
        rates = {
            name: {n: max(rate(ways[name], asked, n) for _ in range(rounds)) for n in (1, threads)}
            for name in WAYS
        }
    stages = (*STAGES, "other", "match")
    means = {
        name: {s: mean(times.get(s, 0.0) for times in measured) for s in stages}
        for name, measured in each.items()
    }
    return means, means.pop("bare")["match"], rates


def main() -> None:
    """Measure each choice of views and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=DEFAULT)
    parser.add_argument("--queries", type=int, default=100, help="how many, spread evenly")
    parser.add_argument("--rounds", type=int, default=3, help="of which the quickest counts")
    parser.add_argument("--threads", type=int, default=2, help="in the one process")
    parser.add_argument(
        "--home", type=Path, help="an index of the references, instead of a new one"
    )
    arguments = parser.parse_args()
    dev = load_dev_set(arguments.folder.resolve())
    chosen = dev.cases[:: max(1, len(dev.cases) // arguments.queries)]
    asked = [case.query.read_bytes() for case in chosen]
    with tempfile.TemporaryDirectory() as scratch:
        home = arguments.home or Path(scratch)
        if arguments.home is None:
            for command in (["init"], ["index", "add", str(dev.references[0].parent)]):
                environment = {**os.environ, "LOOKALIKE_HOME": str(home)}
                subprocess.run([COMMAND, *command], env=environment, check=True)
        means, bare, rates = measure(home, asked, arguments.rounds, arguments.threads)
    print(f"{len(asked)} queries, {os.cpu_count()} cores, {datetime.now(UTC):%Y-%m-%d}")
    print(f"bare: {bare:.1f} ms")
    print(f"| stage, ms | {' | '.join(WAYS)} |")
    print("|---" * (len(WAYS) + 1) + "|")
    for stage in (*STAGES, "other", "match"):
        cells = [f"{times[stage]:.1f} ({times[stage] / bare:.2f})" for times in means.values()]
        print(f"| {stage} | {' | '.join(cells)} |")
    for count in (1, arguments.threads):
        cells = [f"{rates[name][count]:.1f}" for name in WAYS]
        print(f"| matches a second, {count} threads | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
