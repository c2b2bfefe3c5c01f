"""Measure HDBSCAN as a cluster run does it against its peers, on made-up families.

Each way runs in a process of its own with all cores, on the same vectors from a file, with
min_cluster_size = min_samples = 5; what has to be compiled is compiled on a thousand vectors before
the clock starts. ARI is the adjusted Rand index to the true families, of the vectors that are no
strangers; strangers that a way puts into a cluster do not count. The last table has our growth
exponent: the slope of log time over log n.

Peers that are not installed are left out: `pip install 'lookalike[benchmarks]'`. What was not done
in time is not tried with more vectors.

Example: python benchmarks/clustering.py --sizes 10000 50000 200000
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from math import log
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from typing import Any

import numpy as np
from numpy.typing import NDArray

from made_up_families import made_up_families

Labels = NDArray[np.int64]
LEAST = 5
CORES = os.cpu_count() or 1


def ours(vectors: NDArray[np.float32]) -> Labels:
    """Cluster as a run does."""
    from indexer.clustering.hdbscan import hdbscan
    from indexer.vectors.knn_graph import build_knn_graph

    graph = build_knn_graph(vectors, 16, threads=CORES)
    return hdbscan(graph, min_cluster_size=LEAST, min_samples=LEAST).labels


def scikit_learn(vectors: NDArray[np.float32]) -> Labels:
    """Cluster with scikit-learn."""
    from sklearn.cluster import HDBSCAN

    model = HDBSCAN(min_cluster_size=LEAST, min_samples=LEAST, n_jobs=CORES, copy=True)
    return model.fit_predict(vectors)


def hdbscan(vectors: NDArray[np.float32]) -> Labels:
    """Cluster with hdbscan."""
    from hdbscan import HDBSCAN

    model = HDBSCAN(min_cluster_size=LEAST, min_samples=LEAST, core_dist_n_jobs=CORES)
    return model.fit_predict(vectors)


def fast_hdbscan(vectors: NDArray[np.float32]) -> Labels:
    """Cluster with fast_hdbscan."""
    from fast_hdbscan import HDBSCAN

    return HDBSCAN(min_cluster_size=LEAST, min_samples=LEAST).fit_predict(vectors)


def evoc(vectors: NDArray[np.float32]) -> Labels:
    """Cluster with evoc."""
    from evoc import EVoC

    return EVoC(base_min_cluster_size=LEAST, min_samples=LEAST).fit_predict(vectors)


WAYS: dict[str, tuple[str, Callable[[NDArray[np.float32]], Labels]]] = {
    "ours": ("indexer", ours),
    "scikit-learn": ("sklearn", scikit_learn),
    "hdbscan": ("hdbscan", hdbscan),
    "fast_hdbscan": ("fast_hdbscan", fast_hdbscan),
    "evoc": ("evoc", evoc),
}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 50_000, 200_000])
    parser.add_argument("--seconds", type=float, default=300, help="that a way may take")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--child", nargs=2, metavar=("WAY", "FOLDER"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        run(arguments.child[0], Path(arguments.child[1]))
        return
    print(
        "| n | way | seconds | peak, MiB | ARI | ARI to scikit-learn |\n|---|---|---|---|---|---|"
    )
    times: dict[int, float] = {}
    ways = list(arguments.ways)
    for n in sorted(arguments.sizes):
        with tempfile.TemporaryDirectory() as folder:
            measured = compare(n, Path(folder), ways, arguments.seconds)
        ways = [way for way in ways if way in measured]
        if "ours" in measured:
            times[n] = measured["ours"]
    if len(times) > 1:
        small, large = min(times), max(times)
        exponent = log(times[large] / times[small]) / log(large / small)
        print(f"\nOur growth exponent from {small:,} to {large:,}: {exponent:.2f}")


def compare(n: int, folder: Path, ways: list[str], seconds: float) -> dict[str, float]:
    """Run each way on n vectors, print a row for each, and return the times."""
    from sklearn.metrics import adjusted_rand_score

    vectors, families = made_up_families(n)
    np.save(folder / "vectors.npy", vectors)
    del vectors
    known = families >= 0
    times: dict[str, float] = {}
    exact: Labels | None = None
    for way in sorted(ways, key=lambda name: name != "scikit-learn"):
        if find_spec(WAYS[way][0]) is None:
            print(f"| {n:,} | {way} | not installed | | | |", flush=True)
            continue
        result = start(way, folder, seconds)
        if result is None:
            print(f"| {n:,} | {way} | not done in {seconds:.0f} | | | |", flush=True)
            continue
        labels = np.load(folder / f"{way}.npy")
        exact = labels if way == "scikit-learn" else exact
        truth = adjusted_rand_score(families[known], labels[known])
        to_exact = "" if exact is None else f"{adjusted_rand_score(exact, labels):.3f}"
        row = f"{result['seconds']:.1f} | {result['mib']:,.0f} | {truth:.3f} | {to_exact}"
        print(f"| {n:,} | {way} | {row} |", flush=True)
        times[way] = result["seconds"]
    return times


def start(way: str, folder: Path, seconds: float) -> dict[str, Any] | None:
    """Run one way in a process of its own; None when it fails or takes too long."""
    command = [sys.executable, __file__, "--child", way, str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=True)
    except (subprocess.TimeoutExpired, subprocess.CalledProcessError) as error:
        print(f"{way}: {error}", file=sys.stderr)
        return None
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def run(way: str, folder: Path) -> None:
    """Cluster the vectors of a folder, and print time and memory as JSON."""
    cluster = WAYS[way][1]
    vectors = np.load(folder / "vectors.npy")
    cluster(vectors[:1_000])
    begun = time.perf_counter()
    labels = cluster(vectors)
    seconds = time.perf_counter() - begun
    np.save(folder / f"{way}.npy", labels)
    print(json.dumps({"seconds": seconds, "mib": getrusage(RUSAGE_SELF).ru_maxrss / 1024}))


if __name__ == "__main__":
    main()
