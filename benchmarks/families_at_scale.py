"""How quick are families of many images? The time of a full run, and of the images of a day.

Indexes are filled with made-up images, whose embeddings are drawn with the mean and the covariance
of those of a real index. Three of five are copies, in
families of 2 to 5,000 by a power law: an edit moves the embedding, the PDQ, or both, as far as real
edits do. Each index is clustered by `cluster run` in a process of its own; no thumbnails are kept,
so nothing is verified. Then 1 % of new images are added, half of them copies of known ones, and
clustered with `--since-last`, and once more by a full run.

The exponent is the slope of log time over log n. ARI is the adjusted Rand index to the true
families, and of the run since the last to the full run. A million takes long.

Example: python benchmarks/families_at_scale.py --home /tmp/families --sizes 20000 200000
"""

import argparse
import os
import tempfile
from hashlib import sha256
from itertools import pairwise
from math import log
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import adjusted_rand_score

from commands import run
from incremental import new_index
from indexer.embedding_space import bound_space
from indexer.settings import Settings
from indexer.store import Arrival, Store, open_store
from indexer.types import ClusterScope, NewImage, Pdq, SourceDetails, SourceStamp, Space

COPIES = 0.6  # share of the images that are in a family
SMALLEST, LARGEST = 2, 5_000  # members of a family, p(s) ~ s ** -2.5
COSINES = 0.7, 0.99  # of an edit's embedding to the original's
BITS = 0, 60  # by which an edit's PDQ differs, half of them; the others lose it
DAY = 0.01
STEP = 2_000


class Maker:
    """Makes up images that are distributed as real ones."""

    def __init__(self, real: NDArray[np.float32], seed: int = 0) -> None:
        self._random = np.random.default_rng(seed)
        self._mean = real.mean(axis=0)
        self._factor = np.linalg.cholesky(np.cov(real.T) + 1e-6 * np.eye(real.shape[1]))

    def originals(self, n: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """Return embeddings, (n, d), and PDQs, (n, 32)."""
        normal = self._random.standard_normal((n, len(self._mean)))
        return _unit(self._mean + normal @ self._factor.T), self._random.integers(
            0, 256, (n, 32), np.uint8
        )

    def edits(
        self, embeddings: NDArray[np.float32], pdqs: NDArray[np.uint8]
    ) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """Return an edit of each original."""
        n, random = len(embeddings), self._random
        away = self.originals(n)[0]
        away = _unit(away - (away * embeddings).sum(axis=1, keepdims=True) * embeddings)
        cosines = random.uniform(*COSINES, (n, 1))
        moved = _unit(cosines * embeddings + np.sqrt(1 - cosines**2) * away)
        shares = random.uniform(*BITS, (n, 1)) / 256
        shares[random.random(n) < 0.5] = 0.5  # noqa: PLR2004 - every other PDQ is lost
        flips = np.packbits(random.random((n, 256)) < shares, axis=1)
        return moved, pdqs ^ flips

    def families(self, n: int) -> NDArray[np.int64]:
        """Return the family of each of n images, its original first; a stranger has one alone."""
        sizes, total = [], int(n * COPIES)
        while total >= SMALLEST:
            share = self._random.random()
            size = min(int(SMALLEST * (1 - share) ** (-1 / 1.5)), LARGEST, total)
            sizes.append(max(size, SMALLEST))
            total -= sizes[-1]
        families = np.repeat(np.arange(len(sizes)), sizes)
        return np.concatenate([families, len(sizes) + np.arange(n - len(families))])[:n]


def _unit(vectors: NDArray[np.floating]) -> NDArray[np.float32]:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def fill(
    store: Store,
    space: Space,
    embeddings: NDArray[np.float32],
    pdqs: NDArray[np.uint8],
    first: int,
) -> None:
    """Add images, in order."""
    probabilities = np.full(len(space.labels), 1 / len(space.labels), np.float32)
    for start in range(0, len(embeddings), STEP):
        items = []
        for row in range(start, min(start + STEP, len(embeddings))):
            digest = sha256(f"{first + row}".encode()).digest()
            image = NewImage(
                sha256=digest,
                md5=digest[:16],
                pdq=Pdq(pdqs[row].tobytes(), 100),
                width=640,
                height=480,
                format="JPEG",
                frame_count=1,
                byte_size=1,
                embedding=embeddings[row],
                probabilities=probabilities,
            )
            items.append(
                (image, Arrival(SourceStamp(f"/{first + row}.jpg", 1, "1"), SourceDetails(), None))
            )
        with store.writer() as writer:
            writer.images.add(items, space.id)


def labels_of(store: Store, run_id: int, n: int) -> NDArray[np.int64]:
    """Return the family of each image by id, (n,); one that is in none has one alone."""
    with store.reader() as catalog:
        members = catalog.cluster_members.membership(run_id)
    labels = members.cluster_ids.max(initial=0) + 1 + np.arange(n)
    grouped = members.cluster_ids >= 0
    labels[members.image_ids[grouped] - 1] = members.cluster_ids[grouped]
    return labels


def measure(n: int, real: NDArray[np.float32], root: Path) -> float:
    """Fill an index, print its row, and return the seconds of the full run."""
    environment = new_index(root)
    settings = Settings(home=root)
    maker = Maker(real)
    day = int(n * DAY)
    families = maker.families(n + day)
    originals = np.flatnonzero(np.diff(families, prepend=-1))
    embeddings, pdqs = maker.originals(len(originals))
    embeddings, pdqs = embeddings[families], pdqs[families]
    edited = np.setdiff1d(np.arange(n + day), originals)
    embeddings[edited], pdqs[edited] = maker.edits(embeddings[edited], pdqs[edited])
    order = np.random.default_rng(1).permutation(n + day)
    families, embeddings, pdqs = families[order], embeddings[order], pdqs[order]
    with open_store(settings.resolved_database_url) as store:
        space = bound_space(store)
        fill(store, space, embeddings[:n], pdqs[:n], 0)
        full = run(environment, "cluster", "run")
        labelled = families[:n]
        truth = adjusted_rand_score(labelled, labels_of(store, full.report["run"]["id"], n))
        fill(store, space, embeddings[n:], pdqs[n:], n)
        since = run(environment, "cluster", "run", "--since-last")
        joined = labels_of(store, since.report["run"]["id"], n + day)
        again = run(environment, "cluster", "run")
        same = adjusted_rand_score(labels_of(store, again.report["run"]["id"], n + day), joined)
    found = full.report["run"]
    print(
        f"| {n:,} | {found['clusters']:,} | {full.seconds:.1f} | {full.peak_bytes / 2**20:,.0f} "
        f"| {truth:.4f} | {since.seconds:.2f} ({since.seconds / again.seconds:.1%}) | {same:.4f} |",
        flush=True,
    )
    return full.seconds


def main() -> None:
    """Print a row for each size, and the exponents."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--home", type=Path, required=True, help="an index of real images")
    parser.add_argument("--sizes", type=int, nargs="+", default=[20_000, 50_000, 200_000])
    arguments = parser.parse_args()
    url = Settings(home=arguments.home).resolved_database_url
    with open_store(url) as store, store.reader() as catalog:
        real = catalog.cluster_scopes.vectors(ClusterScope(), bound_space(store)).vectors
    print(f"{os.cpu_count()} cores, {len(real):,} real images to draw from\n")
    print(
        "| images | families | seconds | peak, MiB | ARI | 1 % new, seconds (of a full run) "
        "| ARI to the full run |\n|---|---|---|---|---|---|---|"
    )
    times = {}
    for n in sorted(arguments.sizes):
        with tempfile.TemporaryDirectory() as folder:
            times[n] = measure(n, real, Path(folder))
    for small, large in pairwise(times):
        exponent = log(times[large] / times[small]) / log(large / small)
        print(f"\nGrowth exponent from {small:,} to {large:,}: {exponent:.2f}")


if __name__ == "__main__":
    main()
