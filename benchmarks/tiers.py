"""Compare the tiers of a view of embeddings: time, memory, opening, and whether answers are equal.

Example: python benchmarks/tiers.py /scratch/folder --sizes 100000 1000000

The embeddings are made up: half are strangers, half in families of 50 around a centre (cosine about
0.75 to one another). Queries are edited copies of some (cosine about 0.9) and strangers. Views are
built from a log and opened from their snapshots as in production. Searches of all tiers are timed
in one process, in turns; memory and opening in a process each, which holds nothing else.
"""

import argparse
import gc
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from indexer.types import Embeddings, Keys, VectorChanges, VectorKeys
from indexer.vectors import SnapshotPolicy, VectorView
from indexer.vectors.faiss_index import FloatIndex
from indexer.vectors.tiers import IN_MEMORY, TierRule

D = 512
K = 10
FAMILY = 50
BLOCK = 50_000
QUERIES = 64
TIERS = {"flat": IN_MEMORY, "sq8": TierRule("sq8", 1), "fp16": TierRule("fp16", 1)}


def unit(vectors: Embeddings) -> Embeddings:
    """Return vectors of length 1, (n, d) float32."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.ascontiguousarray(vectors / lengths, np.float32)


def make(path: Path, count: int) -> None:
    """Write made-up embeddings, the first half of each block in families."""
    rng = np.random.default_rng(count)
    vectors = np.lib.format.open_memmap(path, "w+", np.float32, (count, D))
    for start in range(0, count, BLOCK):
        block = unit(rng.standard_normal((min(BLOCK, count - start), D), np.float32))
        half = len(block) // 2
        centres = unit(rng.standard_normal((max(1, half // FAMILY), D), np.float32))
        block[:half] = unit(centres[rng.integers(0, len(centres), half)] + 0.55 * block[:half])
        vectors[start : start + BLOCK] = block
    vectors.flush()


def make_queries(vectors: Embeddings) -> Embeddings:
    """Edit copies of some vectors, and add strangers: (64, d)."""
    rng = np.random.default_rng(7)
    copies = vectors[rng.choice(len(vectors), 3 * QUERIES // 4, replace=False)]
    edits = unit(rng.standard_normal(copies.shape, np.float32))
    strangers = unit(rng.standard_normal((QUERIES // 4, D), np.float32))
    return rng.permutation(np.concatenate([unit(copies + 0.45 * edits), strangers]))


class ArrayFeed:
    """A log of one change for each row of a file; see `ChangeFeed`."""

    subject = "image"
    log_id = "benchmark"

    def __init__(self, path: Path) -> None:
        self._vectors: Embeddings = np.load(path, mmap_mode="r")

    def head(self) -> int:
        """Return the last change's number."""
        return len(self._vectors)

    def mark(self, number: int) -> str | None:
        """Say what a change was."""
        return str(number) if number else ""

    def read(self, after: int, limit: int) -> VectorChanges:
        """Return the changes after one."""
        return self.look_up(np.arange(after, min(after + limit, self.head())))

    def look_up(self, keys: Keys) -> VectorChanges:
        """Return what some keys have now."""
        last = int(keys[-1]) + 1 if len(keys) else self.head()
        return VectorChanges(last, keys, np.array(self._vectors[keys]), np.zeros(0, np.int64))

    def all_keys(self) -> VectorKeys:
        """Return all keys."""
        return VectorKeys(self.head(), np.arange(self.head()), np.zeros(0, np.int64))


def open_view(folder: Path, tier: str) -> VectorView:
    """Open the view of one tier, ready to be searched."""
    home = folder / tier / "embedding-benchmark"
    home.mkdir(parents=True, exist_ok=True)
    rule, policy = TIERS[tier], SnapshotPolicy(10**9, 10**9)
    view = VectorView.open(
        home, ArrayFeed(folder / "vectors.npy"), lambda: FloatIndex(D, rule, home), policy
    )
    view.catch_up()
    return view


def build(folder: Path, tier: str) -> dict[str, float]:
    """Build a view from the log and write its snapshot."""
    begun = time.perf_counter()
    view = open_view(folder, tier)
    followed = time.perf_counter()
    written = view.snapshot()
    ended = time.perf_counter()
    size = sum(path.stat().st_size for path in written.iterdir())
    return {"from log": followed - begun, "snapshot": ended - followed, "disk": size}


def opened(folder: Path, tier: str) -> dict[str, float]:
    """Open a view from its snapshot; say how long it took, and its memory after 64 searches."""
    queries = make_queries(np.load(folder / "vectors.npy", mmap_mode="r"))
    gc.collect()
    before = memory()
    begun = time.perf_counter()
    view = open_view(folder, tier)
    view.index.search(queries[:1], K)
    ready = time.perf_counter() - begun
    for query in queries:
        view.index.search(query[None], K)
    own, mapped = (after - at for after, at in zip(memory(), before, strict=True))
    return {"ready": ready, "own": own, "mapped": mapped}


def memory() -> tuple[int, int]:
    """Return this process's own memory and what it has mapped of files, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    sizes = {line.split(":")[0]: int(line.split()[1]) for line in lines if line.endswith("kB")}
    return sizes["RssAnon"] * 1024, sizes["RssFile"] * 1024


def searched(folder: Path, turns: int) -> dict[str, dict[str, float]]:
    """Time searches of all tiers in turns, and compare the answers of the codes with flat's."""
    views = {tier: open_view(folder, tier) for tier in TIERS}
    queries = make_queries(np.load(folder / "vectors.npy", mmap_mode="r"))
    times: dict[str, dict[str, list[float]]] = {tier: {} for tier in TIERS}
    wrong = dict.fromkeys(TIERS, 0)
    for turn in range(turns):
        query = queries[turn % QUERIES][None]
        expected = views["flat"].index.search(query, K)
        ranged = views["flat"].index.range_search(query, 0.5)
        for tier in list(TIERS)[turn % 3 :] + list(TIERS)[: turn % 3]:
            index, kept = views[tier].index, times[tier]
            found = timed(kept, "1 query", 1, lambda: index.search(query, K))  # noqa: B023
            within = timed(kept, "range", 1, lambda: index.range_search(query, 0.5))  # noqa: B023
            wrong[tier] += not np.array_equal(found.keys, expected.keys)
            wrong[tier] += not np.array_equal(found.similarities, expected.similarities)
            wrong[tier] += not np.array_equal(within.keys, ranged.keys)
            if turn % 16 == 0:
                timed(kept, "32 queries", 32, lambda: index.search(queries[:32], K))  # noqa: B023
    return {
        tier: {what: median(taken) for what, taken in kept.items()} | {"wrong": wrong[tier]}
        for tier, kept in times.items()
    }


def timed(kept: dict[str, list[float]], what: str, queries: int, ask: Callable[[], Any]) -> Any:
    """Ask, and keep the milliseconds a query: those of the clock and those of the processor."""
    begun, used = time.perf_counter(), time.process_time()
    answer = ask()
    used = time.process_time() - used
    kept.setdefault(what, []).append((time.perf_counter() - begun) * 1000 / queries)
    kept.setdefault(f"{what}, processor", []).append(used * 1000 / queries)
    return answer


def forget(folder: Path) -> None:
    """Have the system read these files from the disk again."""
    os.sync()
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def in_process(part: str, folder: Path, *arguments: object) -> dict[str, float]:
    """Run one part of this script in a process of its own, on one core."""
    command = [sys.executable, __file__, str(folder), "--part", part, *map(str, arguments)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    result: dict[str, float] = json.loads(subprocess.check_output(command, env=environment))
    return result


def report(folder: Path, sizes: Sequence[int], turns: int, *, built: bool) -> None:
    """Print the figures of the README."""
    for size in sizes:
        place = folder / str(size)
        print(f"{size:,} embeddings:", flush=True)
        if not built:
            place.mkdir(parents=True)
            make(place / "vectors.npy", size)
            report_views(place)
        print(json.dumps(in_process("search", place, "--turns", turns), indent=1), flush=True)


def report_views(place: Path) -> None:
    """Build a view of each tier, and open it from a disk that is not cached, then again."""
    for tier in TIERS:
        print(tier, "built", in_process("build", place, "--tier", tier), flush=True)
    for tier in TIERS:
        forget(place / tier)
        cold = in_process("open", place, "--tier", tier)["ready"]
        print(tier, "opened", in_process("open", place, "--tier", tier), "cold", cold)


def main() -> None:
    """Measure, or do one part in a process started for it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sizes", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--turns", type=int, default=64)
    parser.add_argument("--built", action="store_true", help="search what an earlier run built")
    parser.add_argument("--part", choices=["build", "open", "search"])
    parser.add_argument("--tier", choices=list(TIERS))
    given = parser.parse_args()
    if given.part is None:
        report(given.folder, given.sizes, given.turns, built=given.built)
    elif given.part == "search":
        print(json.dumps(searched(given.folder, given.turns)))
    else:
        part = build if given.part == "build" else opened
        print(json.dumps(part(given.folder, given.tier)))


if __name__ == "__main__":
    main()
