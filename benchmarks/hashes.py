"""Rank a benchmark by perceptual hashes alone, by brute force."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import imagehash
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from indexer.evaluation import Benchmark, Pair
from indexer.images import fingerprints
from indexer.images.decode import decode
from indexer.settings import Settings, load_settings
from indexer.types import PdqBits, Rgb

Bits = NDArray[np.uint8]
"""(n, b): packed bits of one picture, a row for each orientation."""
Hasher = Callable[[Rgb], Bits]


def pdq_upright(rgb: Rgb) -> PdqBits:
    """Hash with PDQ, upright."""
    return pdq_turned(rgb)[:1]


def pdq_turned(rgb: Rgb) -> PdqBits:
    """Hash with PDQ in 8 orientations; none of a picture too flat to hash."""
    hashed = fingerprints.pdq_orientations(rgb)
    return hashed.bits if hashed.quality >= load_settings().pdq_min_quality else hashed.bits[:0]


def phash(size: int) -> Hasher:
    """Return pHash of `size` x `size` bits."""

    def of(rgb: Rgb) -> Bits:
        return np.packbits(imagehash.phash(Image.fromarray(rgb), hash_size=size).hash)[np.newaxis]

    return of


HASHERS: dict[str, tuple[Hasher, Hasher]] = {  # of queries, of references
    "PDQ, 8 orientations": (pdq_turned, pdq_upright),
    "PDQ, upright": (pdq_upright, pdq_upright),
    "pHash, 256 bit": (phash(16), phash(16)),
    "pHash, 64 bit": (phash(8), phash(8)),
}


def rank_by_hashes(benchmark: Benchmark, settings: Settings, k: int) -> dict[str, list[Pair]]:
    """Return the k nearest references of every query by every hash."""
    queries = [case.query for case in benchmark.cases]
    of_queries = hash_all(benchmark, queries, [of for of, _ in HASHERS.values()], settings)
    of_references = hash_all(
        benchmark, benchmark.references, [of for _, of in HASHERS.values()], settings
    )
    return {
        name: list(nearest(queries, ours, benchmark.references, theirs, k))
        for name, ours, theirs in zip(HASHERS, of_queries, of_references, strict=True)
    }


def hash_all(
    benchmark: Benchmark, names: Sequence[str], hashers: Sequence[Hasher], settings: Settings
) -> list[list[Bits]]:
    """Decode every picture once; return what each hasher makes of each."""

    def one(name: str) -> list[Bits]:
        rgb = decode(benchmark.path(name).read_bytes(), settings.image_limits).rgb
        return [hasher(rgb) for hasher in hashers]

    with ThreadPoolExecutor(settings.worker_threads) as pool:
        return [list(column) for column in zip(*pool.map(one, names), strict=True)]


def nearest(
    queries: Sequence[str],
    of_queries: Sequence[Bits],
    references: Sequence[str],
    of_references: Sequence[Bits],
    k: int,
) -> Iterator[Pair]:
    """Yield the k nearest references of each query; a picture without a hash is near nothing."""
    hashed = [name for name, bits in zip(references, of_references, strict=True) if len(bits)]
    gallery = np.concatenate(of_references)
    for query, bits in zip(queries, of_queries, strict=True):
        if len(bits):
            distances = fingerprints.hamming(bits, gallery).min(axis=0)
            for row in np.argsort(distances, kind="stable")[:k]:
                yield Pair(query, hashed[row], -float(distances[row]))
