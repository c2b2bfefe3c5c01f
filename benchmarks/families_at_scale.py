"""How quick are families of many images? The time of a full run, and of the images of a day.

Indexes hold all images of a real one, with their parts, and made-up images, whose embeddings are
drawn with the mean and the covariance of the real ones. Three of five are copies, in families of 2
to 5,000 by a power law: an edit moves the embedding, the PDQ, or both, as far as real edits do.
Made-up images have as many parts as real ones, unless --parts says otherwise. No thumbnails are
kept, so nothing is verified. Each index is clustered by `cluster run` in a process of its own; then
1 % of new images are added, three of five of them copies, and clustered with `--since-last`, and
once more by a full run.

The exponent is the slope of log time over log n. ARI is the adjusted Rand index to the true
families of the made-up images, and of the run since the last to the full run, over all images. A
million takes long. `--evidence` makes no index: it prints how many copies the evidence of a pair
suffices to link with their original, and the ARI if these and no others were in its family.

Example: python benchmarks/families_at_scale.py --home /tmp/families --sizes 20000 60000 200000
"""

import argparse
import os
import tempfile
from collections.abc import Iterator, Sequence
from hashlib import sha256
from itertools import pairwise
from math import log
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import adjusted_rand_score

from commands import run
from incremental import new_index
from indexer.clustering.families.piece_table import ORIENTATIONS
from indexer.embedding_space import bound_space
from indexer.model import load_traits
from indexer.settings import SHIPPED_MODEL, Settings
from indexer.store import Arrival, ScopedPieces, Store, open_store
from indexer.types import (
    ClusterScope,
    NewImage,
    Part,
    PartKind,
    Pdq,
    SourceDetails,
    SourceStamp,
    Space,
    cost_of,
    count_comparisons,
    query_bias,
)
from indexer.types.pictures import NewPart

COPIES = 0.6  # share of the images that are in a family
SMALLEST, LARGEST = 2, 5_000  # members of a family, p(s) ~ s ** -2.5
COSINES = 0.7, 0.99  # of an edit's embedding to the original's
CROPS = 0.4, 0.9  # of a part's embedding to that of the whole
BITS = 0, 60  # by which an edit's PDQ differs, half of them; the others lose it
DAY = 0.01
ORIGINALS = 4_000  # whose copies are compared with them
LOST = 90  # bits beyond which a PDQ says nothing
STEP = 2_000


class Picture(NamedTuple):
    """What is stored of an image: the whole, then its parts."""

    embeddings: NDArray[np.float32]  # (pieces, d)
    pdqs: NDArray[np.uint8]  # (pieces, 32)
    qualities: NDArray[np.int64]  # (pieces,)


class Maker:
    """Makes up images that are distributed as real ones."""

    def __init__(self, real: NDArray[np.float32], seed: int = 0) -> None:
        self._random = np.random.default_rng(seed)
        self._mean = real.mean(axis=0)
        self._factor = np.linalg.cholesky(np.cov(real.T) + 1e-6 * np.eye(real.shape[1])).T
        self._factor = self._factor.astype(np.float32)

    def originals(self, n: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """Return embeddings, (n, d), and PDQs, (n, 32)."""
        normal = self._random.standard_normal((n, len(self._mean)), np.float32)
        return _unit(self._mean + normal @ self._factor), self.hashes(n)

    def hashes(self, n: int) -> NDArray[np.uint8]:
        """Return PDQs, (n, 32)."""
        return self._random.integers(0, 256, (n, 32), np.uint8)

    def moved(
        self, embeddings: NDArray[np.float32], cosines: tuple[float, float]
    ) -> NDArray[np.float32]:
        """Return unit vectors at random cosines to others."""
        away = self.originals(len(embeddings))[0]
        away = _unit(away - (away * embeddings).sum(axis=1, keepdims=True) * embeddings)
        drawn = self._random.uniform(*cosines, (len(embeddings), 1))
        return _unit(drawn * embeddings + np.sqrt(1 - drawn**2) * away)

    def edits(
        self, embeddings: NDArray[np.float32], pdqs: NDArray[np.uint8]
    ) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """Return an edit of each original."""
        n, random = len(embeddings), self._random
        shares = random.uniform(*BITS, (n, 1)) / 256
        shares[random.random(n) < 0.5] = 0.5  # noqa: PLR2004 - every other PDQ is lost
        flips = np.packbits(random.random((n, 256)) < shares, axis=1)
        return self.moved(embeddings, COSINES), pdqs ^ flips

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

    def pictures(self, families: NDArray[np.int64], parts: float) -> Iterator[Picture]:
        """Yield images of some families, in any order; the first of each is the original."""
        originals, pdqs = self.originals(int(families.max(initial=0)) + 1)
        _, first = np.unique(families, return_index=True)
        is_original = np.zeros(len(families), np.bool_)
        is_original[first] = True
        for start in range(0, len(families), STEP):
            some, kept = families[start : start + STEP], is_original[start : start + STEP]
            embeddings, hashes = self.edits(originals[some], pdqs[some])
            embeddings[kept], hashes[kept] = originals[some[kept]], pdqs[some[kept]]
            counts = self._random.poisson(parts, len(some))
            crops = self.moved(np.repeat(embeddings, counts, axis=0), CROPS)
            of_crops = self.hashes(len(crops))
            ends = np.cumsum(counts)
            for row, (end, count) in enumerate(zip(ends, counts, strict=True)):
                own = slice(end - count, end)
                yield Picture(
                    np.vstack([embeddings[row], crops[own]]),
                    np.vstack([hashes[row], of_crops[own]]),
                    np.full(1 + count, 100),
                )


def real_pictures(pieces: ScopedPieces) -> Iterator[Picture]:
    """Yield the images of a real index."""
    order = np.argsort(pieces.owners, kind="stable")
    ends = np.cumsum(np.bincount(pieces.owners))
    for rows in np.split(order, ends[:-1]):
        yield Picture(
            pieces.embeddings[rows], pieces.pdqs[rows], pieces.qualities[rows].astype(np.int64)
        )


def _unit(vectors: NDArray[np.floating]) -> NDArray[np.float32]:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def fill(store: Store, space: Space, pictures: Iterator[Picture], first: int) -> None:
    """Add images, in order."""
    probabilities = np.full(len(space.labels), 1 / len(space.labels), np.float32)
    items: list[tuple[NewImage, Arrival]] = []

    def write() -> None:
        with store.writer() as writer:
            writer.images.add(items, space.id)
        items.clear()

    for number, picture in enumerate(pictures, first):
        digest = sha256(f"{number}".encode()).digest()
        whole, *parts = (
            (embedding, Pdq(pdq.tobytes(), int(quality)))
            for embedding, pdq, quality in zip(*picture, strict=True)
        )
        image = NewImage(
            sha256=digest,
            md5=digest[:16],
            pdq=whole[1],
            width=640,
            height=480,
            format="JPEG",
            frame_count=1,
            byte_size=1,
            embedding=whole[0],
            probabilities=probabilities,
            parts=tuple(
                NewPart(Part(PartKind.CROP, place, (0, 0, 9, 9)), pdq, embedding, probabilities)
                for place, (embedding, pdq) in enumerate(parts)
            ),
        )
        source = SourceStamp(f"/{number}.jpg", 1, "1")
        items.append((image, Arrival(source, SourceDetails(), None)))
        if len(items) == STEP:
            write()
    write()


def labels_of(store: Store, run_id: int, n: int) -> NDArray[np.int64]:
    """Return the family of each image by id, (n,); one that is in none has one alone."""
    with store.reader() as catalog:
        members = catalog.cluster_members.membership(run_id)
    labels = members.cluster_ids.max(initial=0) + 1 + np.arange(n)
    grouped = members.cluster_ids >= 0
    labels[members.image_ids[grouped] - 1] = members.cluster_ids[grouped]
    return labels


def measure(n: int, real: ScopedPieces, parts: float, root: Path) -> float:
    """Fill an index, print its row, and return the seconds of the full run."""
    environment = new_index(root)
    maker = Maker(real.images.vectors)
    day, known = int(n * DAY), len(real.images.ids)
    families = np.random.default_rng(1).permutation(maker.families(n + day - known))
    pictures = maker.pictures(families, parts)
    with open_store(Settings(home=root).resolved_database_url) as store:
        space = bound_space(store)
        fill(store, space, real_pictures(real), 0)
        fill(store, space, (next(pictures) for _ in range(n - known)), known)
        full = run(environment, "cluster", "run")
        found = labels_of(store, full.report["run"]["id"], n)[known:]
        truth = adjusted_rand_score(families[: n - known], found)
        fill(store, space, pictures, n)
        since = run(environment, "cluster", "run", "--since-last")
        joined = labels_of(store, since.report["run"]["id"], n + day)
        again = run(environment, "cluster", "run")
        same = adjusted_rand_score(labels_of(store, again.report["run"]["id"], n + day), joined)
    wall = since.seconds / again.seconds
    processor = since.processor_seconds / again.processor_seconds
    print(
        f"| {n:,} | {full.report['run']['clusters']:,} | {full.seconds:.1f} "
        f"| {full.processor_seconds:.1f} | {full.peak_bytes / 2**20:,.0f} | {truth:.4f} "
        f"| {since.seconds:.2f} ({wall:.1%}; {processor:.1%} of the processor's) "
        f"| {since.peak_bytes / 2**20:,.0f} | {same:.4f} |",
        flush=True,
    )
    return full.seconds


def print_evidence(sizes: Sequence[int], real: ScopedPieces, settings: Settings) -> None:
    """Print what the evidence of copies with their originals suffices for, at each size."""
    traits, maker = load_traits(settings.model or SHIPPED_MODEL), Maker(real.images.vectors)
    fusion, random = traits.fusion, np.random.default_rng(1)
    originals, pdqs = maker.originals(ORIGINALS)
    copies, hashes = maker.edits(originals, pdqs)
    biases = [query_bias(each, traits.background, fusion.bias) for each in (originals, copies)]
    bits = np.bitwise_count(pdqs ^ hashes).sum(axis=1, dtype=np.int64)
    log_odds = fusion.weigh(np.sum(originals * copies, axis=1) - np.mean(biases, axis=0), bits)
    print("| images | copies linked with their original | of those without a PDQ | ARI |")
    print("|---|---|---|---|")
    for n in sizes:
        cost = cost_of(count_comparisons(n, orientations=ORIENTATIONS))
        linked = (log_odds - cost >= fusion.lookalike) | (bits <= settings.pdq_max_distance)
        families = maker.families(n)
        alone = families.max() + 1 + np.arange(n)
        found = np.where(random.random(n) < linked.mean(), families, alone)
        lost = linked[bits > LOST].mean()
        ari = adjusted_rand_score(families, found)
        print(f"| {n:,} | {linked.mean():.3f} | {lost:.3f} | {ari:.3f} |")


def main() -> None:
    """Print a row for each size, and the exponents."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--home", type=Path, required=True, help="an index of real images")
    parser.add_argument("--sizes", type=int, nargs="+", default=[20_000, 60_000, 200_000])
    parser.add_argument("--parts", type=float, help="of a made-up image; by default as real ones")
    parser.add_argument("--evidence", action="store_true", help="compare with originals alone")
    arguments = parser.parse_args()
    settings = Settings(home=arguments.home)
    with open_store(settings.resolved_database_url) as store, store.reader() as catalog:
        real = catalog.cluster_scopes.pieces(ClusterScope(), bound_space(store))
    if arguments.evidence:
        print_evidence(sorted(arguments.sizes), real, settings)
        return
    images, parts = len(real.images.ids), arguments.parts
    if parts is None:
        parts = len(real.owners) / images - 1
    print(f"{os.cpu_count()} cores, {images:,} real images, {parts:.2f} parts of a made-up one\n")
    print(
        "| images | families | seconds | of the processor | peak, MiB | ARI "
        "| 1 % new, seconds (of a full run) | peak, MiB | ARI to the full run |\n"
        "|---|---|---|---|---|---|---|---|---|"
    )
    times = {}
    for n in sorted(arguments.sizes):
        with tempfile.TemporaryDirectory() as folder:
            times[n] = measure(n, real, parts, Path(folder))
    for small, large in pairwise(times):
        exponent = log(times[large] / times[small]) / log(large / small)
        print(f"\nGrowth exponent from {small:,} to {large:,}: {exponent:.2f}")


if __name__ == "__main__":
    main()
