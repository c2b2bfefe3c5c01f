"""Measure where the time of one match goes, beside what no server can do without.

The references are indexed by `lookalike index add`; then some of the queries are matched in this
process, one after the other, with each LOOKALIKE_QUERY_VIEWS. Bare is what any service does for a
picture: decode it, run the model once and search its embedding with FAISS. Both take turns in each
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
from pathlib import Path
from statistics import mean

from indexer.parallelism import limit_library_threads

limit_library_threads()

from commands import COMMAND  # noqa: E402 -- libraries read the limit when they are loaded
from dev_set import DEFAULT, load_dev_set  # noqa: E402
from indexer.images import decode  # noqa: E402
from indexer.matching import open_matcher  # noqa: E402
from indexer.settings import Settings  # noqa: E402
from indexer.spaces import decode_size, load_bound_encoder  # noqa: E402
from indexer.stages import Timing, listening  # noqa: E402
from indexer.store import open_store  # noqa: E402

VIEWS = ("none", "trim", "insets", "crops")
STAGES = ("decode", "hash", "cut", "prepare", "forward", "search", "catalog", "judge")
Times = dict[str, float]
"""Milliseconds by stage, and of the whole."""


def timed_call(function: Callable[[bytes], object], data: bytes) -> Times:
    """Call a function and add up the stages that it goes through."""
    times: Times = defaultdict(float)

    def note(timing: Timing) -> None:
        times[timing.stage] += 1000 * timing.seconds

    with listening(note):
        begun = time.perf_counter()
        function(data)
        whole = 1000 * (time.perf_counter() - begun)
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
    settings: Settings, asked: Sequence[bytes], rounds: int, threads: int
) -> tuple[Times, float, dict[int, float]]:
    """Return the mean of each stage, of bare, and matches a second by number of threads."""
    with open_store(settings.resolved_database_url) as store:
        matcher = open_matcher(store, settings)
        encoder, _ = load_bound_encoder(store, settings)
        enough = decode_size(encoder)
        index = matcher.views.embeddings.index

        def bare(data: bytes) -> None:
            picture = decode(data, settings.image_limits, at_least=enough)
            index.search(encoder.encode([picture.rgb]).embeddings, 10)

        def match(data: bytes) -> None:
            matcher.match(data, "query")

        for data in asked[:5]:  # the first pay for what is remembered
            bare(data)
            match(data)
        both = [
            [(timed_call(bare, data), timed_call(match, data)) for data in asked]
            for _ in range(rounds)
        ]
        each = [least([of_round[row][1] for of_round in both]) for row in range(len(asked))]
        bares = [min(r[row][0]["match"] for r in both) for row in range(len(asked))]
        rates = {
            count: max(rate(match, asked, count) for _ in range(rounds)) for count in (1, threads)
        }
    stages = (*STAGES, "other", "match")
    return {s: mean(times.get(s, 0.0) for times in each) for s in stages}, mean(bares), rates


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
        measured = {
            views: measure(
                Settings(home=home, query_views=views), asked, arguments.rounds, arguments.threads
            )
            for views in VIEWS
        }
    print(f"{len(asked)} queries, {os.cpu_count()} cores, {datetime.now(UTC):%Y-%m-%d}")
    print(f"| stage, ms | {' | '.join(VIEWS)} |")
    print("|---" * (len(VIEWS) + 1) + "|")
    for stage in (*STAGES, "other", "match"):
        cells = [f"{t[stage]:.1f} ({t[stage] / bare:.2f})" for t, bare, _ in measured.values()]
        print(f"| {stage} | {' | '.join(cells)} |")
    print(f"| bare | {' | '.join(f'{bare:.1f}' for _, bare, _ in measured.values())} |")
    for count in (1, arguments.threads):
        cells = [f"{rates[count]:.1f}" for _, _, rates in measured.values()]
        print(f"| matches a second, {count} threads | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
