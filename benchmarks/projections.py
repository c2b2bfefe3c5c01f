"""How a map of an index should be drawn: PCA, UMAP and PaCMAP by time, by neighbours, by stability.

Example: python benchmarks/projections.py ~/.lookalike --points 50000

Embeddings are those of an index. Where more points are asked for than it holds, each further one is
an embedding of the index turned by noise to a cosine of 0.75 to 0.98, somewhat as altered copies
are. UMAP and PaCMAP are measured where `umap-learn` and `pacmap` are installed; the project needs
neither.
"""

import argparse
import json
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import procrustes
from sklearn.manifold import trustworthiness

from indexer.embedding_space import bound_space
from indexer.reports.map import find_axes
from indexer.store import open_store
from indexer.types import ClusterScope

Array = NDArray[np.float32]
SEED = 0
NEIGHBOURS = 15
JUDGED = 3000  # points by whose neighbours a map is judged


def read(home: Path, points: int) -> Array:
    """Read the embeddings of an index, and turn as many as are missing."""
    with open_store(f"sqlite:///{home / 'lookalike.db'}") as store:
        space = bound_space(store)
        with store.reader() as catalog:
            real = catalog.cluster_scopes.vectors(ClusterScope(), space).vectors
    random = np.random.default_rng(SEED)
    missing = max(points - len(real), 0)
    start = real[random.integers(0, len(real), missing)]
    noise = random.standard_normal(start.shape, np.float32)
    noise -= (noise * start).sum(axis=1, keepdims=True) * start
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    cosine = random.uniform(0.75, 0.98, (missing, 1)).astype(np.float32)
    vectors = np.concatenate([real, cosine * start + np.sqrt(1 - cosine**2) * noise])[:points]
    return np.ascontiguousarray(vectors[random.permutation(len(vectors))])


def by_pca(vectors: Array) -> Array:
    """Project on the two principal directions, as reports do."""
    return find_axes([vectors], vectors.shape[1]).place(vectors)


def by_umap(vectors: Array) -> Array:
    """Project by UMAP, begun from PCA, seeded."""
    import umap

    made = umap.UMAP(n_neighbors=NEIGHBOURS, metric="cosine", init="pca", random_state=SEED)
    return np.asarray(made.fit_transform(vectors), np.float32)


def by_pacmap(vectors: Array) -> Array:
    """Project by PaCMAP, begun from PCA, seeded."""
    import pacmap

    made = pacmap.PaCMAP(n_components=2, random_state=SEED)
    return np.asarray(made.fit_transform(vectors, init="pca"), np.float32)


def kept(vectors: Array, places: Array) -> float:
    """Return how many of the nearest neighbours are among the nearest on the map, 0 to 1."""
    rows = np.random.default_rng(SEED).choice(
        len(vectors), min(JUDGED, len(vectors)), replace=False
    )
    shares = []
    for part in np.array_split(rows, 30):
        high = vectors[part] @ vectors.T
        low = -((places[part, None, :] - places[None]) ** 2).sum(axis=2)
        near = [
            np.argpartition(-each, NEIGHBOURS + 1, axis=1)[:, : NEIGHBOURS + 1]
            for each in (high, low)
        ]
        shares += [
            (len(set(a) & set(b)) - 1) / NEIGHBOURS
            for a, b in zip(near[0].tolist(), near[1].tolist(), strict=True)
        ]
    return float(np.mean(shares))


def measure(project: Callable[[Array], Array], vectors: Array) -> dict[str, float]:
    """Draw a map of all points, and one of a tenth fewer."""
    fewer = round(len(vectors) / 1.1)
    earlier = project(vectors[:fewer])
    started, cpu = time.perf_counter(), time.process_time()
    places = project(vectors)
    seconds, used = time.perf_counter() - started, time.process_time() - cpu
    rows = np.random.default_rng(SEED).choice(
        len(vectors), min(JUDGED, len(vectors)), replace=False
    )
    shared = places[:fewer]
    scale = np.sqrt(((shared - shared.mean(axis=0)) ** 2).sum(axis=1).mean())
    moved = np.linalg.norm(shared - earlier, axis=1) / scale
    return {
        "seconds": round(seconds, 2),
        "cpu_seconds": round(used, 2),
        "trustworthiness": round(
            float(
                trustworthiness(
                    vectors[rows], places[rows], n_neighbors=NEIGHBOURS, metric="cosine"
                )
            ),
            3,
        ),
        "neighbours_kept": round(kept(vectors, places), 3),
        "procrustes": round(float(procrustes(shared, earlier)[2]), 4),
        "moved": round(float(np.median(moved)), 3),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("home", type=Path)
    parser.add_argument("--points", type=int, default=50_000)
    options = parser.parse_args()
    vectors = read(options.home, options.points)
    ways = {"pca": by_pca}
    if find_spec("umap"):
        ways["umap"] = by_umap
    if find_spec("pacmap"):
        ways["pacmap"] = by_pacmap
    for name, way in ways.items():
        print(json.dumps({"way": name, "points": len(vectors)} | measure(way, vectors)), flush=True)


if __name__ == "__main__":
    main()
