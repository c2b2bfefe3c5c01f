"""How long do patterns of many images take? A full graph, and the night after with the kept one.

Embeddings are made up, at 128 dimensions as the shipped model's semantic ones, whose energies fall
with their number (1, 1/2, 1/3 ...): kinds of 20 to 2,000 images by a power law, each around a
direction of its own at cosines of 0.6 to 0.9, and two of five drawn alone. They stand for one
image of each family; no database is read. The graph and
its forest are found, and clusters from them. Then 1 % of new images come and 0.1 % go: the kept
graph is brought up to date, and beside it a new one is found of the same images.

Recall is of the graph's neighbours, on a sample, as the run measures it. ARI is the adjusted Rand
index of the night's clusters to those of the new graph. Each size is a process of its own; peaks
include the embeddings. In brackets is processor time, of which the night's share and the exponents
are, the slopes of log time over log n.

Example: python benchmarks/patterns_at_scale.py --sizes 100000 300000 1000000
"""

import argparse
import json
import resource
import subprocess
import sys
from itertools import pairwise
from math import log
from time import perf_counter, process_time
from typing import Any, Final, NamedTuple, Self

import numpy as np
from sklearn.metrics import adjusted_rand_score

from indexer.clustering.cluster_parameters import ClusterParameters
from indexer.clustering.pattern_graph import PatternGraph
from indexer.types import Embeddings

DIMENSION: Final = 128
KINDS: Final = 0.6  # share of the images that are of a kind
SMALLEST, LARGEST = 20, 2_000  # images of a kind, p(s) ~ s ** -2.5
COSINES: Final = 0.6, 0.9  # of an image to the direction of its kind
CAME, WENT = 0.01, 0.001
STEP: Final = 100_000


def made_up(n: int, seed: int) -> Embeddings:
    """Make up embeddings (n, d), float32, unit rows, in random order."""
    random = np.random.default_rng(seed)
    of_kinds = int(KINDS * n)
    sizes = SMALLEST * (1 - random.random(of_kinds // SMALLEST)) ** (-1 / 1.5)
    kinds = np.minimum(sizes, LARGEST).astype(int)
    kind_of = np.repeat(np.arange(len(kinds)), kinds)[:of_kinds]
    scale = np.sqrt(1 / np.arange(1, DIMENSION + 1, dtype=np.float32))
    directions = _unit(scale * random.standard_normal((len(kinds), DIMENSION), dtype=np.float32))
    vectors = np.empty((n, DIMENSION), np.float32)
    for start in range(0, n, STEP):
        part = vectors[start : start + STEP]
        part[:] = _unit(scale * random.standard_normal(part.shape, dtype=np.float32))
        own = kind_of[start : start + STEP]
        low, high = COSINES
        cosines = low + (high - low) * random.random((len(own), 1), dtype=np.float32)
        part[: len(own)] = _unit(
            cosines * directions[own] + np.sqrt(1 - cosines**2) * part[: len(own)]
        )
    random.shuffle(vectors)
    return vectors


def _unit(vectors: Embeddings) -> Embeddings:
    unit: Embeddings = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return unit


def measure(n: int, threads: int) -> dict[str, Any]:
    """Time a full graph and a night."""
    came, went = int(CAME * n), int(WENT * n)
    vectors = made_up(n + came, seed=n)
    first = np.arange(n)
    chosen = ClusterParameters().chosen(n, semantic=True)
    least = chosen.min_cluster_size
    begun = Clock.now()
    graph = PatternGraph.build(first, vectors[:n], chosen, threads=threads)
    built = Clock.now()
    labels = graph.divide(least).labels
    divided = Clock.now()
    peak = _peak()
    ids = np.setdiff1d(np.arange(n + came), np.random.default_rng(1).choice(n, went, replace=False))
    now = vectors[ids]
    dusk = Clock.now()
    night = graph.updated(ids, now, chosen, threads=threads)
    dawn = Clock.now()
    anew = PatternGraph.build(ids, now, chosen, threads=threads)
    again = Clock.now() - dawn
    updated = dawn - dusk
    return {
        "images": n,
        "clusters": int(labels.max()) + 1,
        "in none": round(float((labels < 0).mean()), 3),
        "recall": round(graph.neighbours.recall, 3),
        "graph, s": (built - begun).shown(),
        "clusters of it, s": (divided - built).shown(),
        "peak, MiB": peak,
        "night, s": updated.shown(),
        "its recall": round(night.neighbours.recall, 3),
        "new graph, s": again.shown(),
        "night's share": f"{updated.processor / again.processor:.1%}",
        "ARI": round(adjusted_rand_score(anew.divide(least).labels, night.divide(least).labels), 3),
        "processor": [(built - begun).processor, updated.processor],
    }


class Clock(NamedTuple):
    """Seconds on the clock, and of all cores."""

    wall: float
    processor: float

    @classmethod
    def now(cls) -> Self:
        """Read both."""
        return cls(perf_counter(), process_time())

    def __sub__(self, other: "Clock") -> "Clock":
        """Return what passed since then."""
        return Clock(self.wall - other.wall, self.processor - other.processor)

    def shown(self) -> str:
        """Return both for a table."""
        return f"{self.wall:.1f} ({self.processor:.1f})"


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[100_000, 300_000, 1_000_000])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(measure(given.one, given.threads)))
        return
    rows: list[dict[str, Any]] = []
    processor: list[list[float]] = []
    for size in given.sizes:
        command = [sys.executable, __file__, "--one", str(size), "--threads", str(given.threads)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        rows.append(json.loads(done.stdout))
        processor.append(rows[-1].pop("processor"))
        if len(rows) == 1:
            print("| " + " | ".join(rows[0]) + " |")
            print("|" + "---|" * len(rows[0]))
        print("| " + " | ".join(map(str, rows[-1].values())) + " |", flush=True)
    for (before, after), both in zip(pairwise(rows), pairwise(processor), strict=True):
        steps = log(after["images"] / before["images"])
        slopes = (log(b / a) / steps for a, b in zip(*both, strict=True))
        print("growth exponents of graph and night: " + ", ".join(f"{each:.2f}" for each in slopes))


if __name__ == "__main__":
    main()
