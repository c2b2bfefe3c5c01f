"""Compare exact ways to search PDQ hashes in stages with comparing all bits at once.

Example: OMP_NUM_THREADS=1 python benchmarks/pdq_stages.py 1000000

Eight hashes, as many as a picture has orientations, are searched among random ones: one of them has
a neighbour, the others are strangers. Each way but the one marked finds every hash within 31 bits.
"""

import sys
import time
from collections.abc import Callable

import faiss
import numpy as np
from numpy.typing import NDArray

REACH = 31  # bits
BITS = 256
TURNS = 5


def in_words(
    rows: NDArray[np.uint64], query: NDArray[np.uint64], most: int, words: int
) -> set[int]:
    """Compare some words of 64 bits, then all bits of what is near in one of them."""
    found: set[int] = set()
    for word in range(words):
        near = np.flatnonzero(np.bitwise_count(rows[word] ^ query[word]) <= most)
        distances = np.bitwise_count(rows[:, near] ^ query[:, None]).sum(axis=0)
        found.update(near[distances <= REACH].tolist())
    return found


def measure(count: int) -> None:
    """Print the milliseconds of each way, the least of five turns."""
    rng = np.random.default_rng(0)
    hashes = rng.integers(0, 256, (count, BITS // 8), np.uint8)
    queries = rng.integers(0, 256, (8, BITS // 8), np.uint8)
    queries[0] = hashes[0] ^ (1 << rng.integers(0, 8, BITS // 8)).astype(np.uint8) // 2
    flat = faiss.IndexBinaryFlat(BITS)
    flat.add(hashes)
    tables = faiss.IndexBinaryMultiHash(BITS, 16, 16)
    tables.add(hashes)
    words, asked = np.ascontiguousarray(hashes.view(np.uint64).T), queries.view(np.uint64)

    def flipped(bits: int) -> Callable[[], object]:
        def search() -> object:
            tables.nflip = bits
            return tables.range_search(queries, REACH + 1)

        return search

    ways: dict[str, Callable[[], object]] = {
        "all bits, the 11 nearest": lambda: flat.search(queries, 11),
        "all bits, within 31": lambda: flat.range_search(queries, REACH + 1),
        "the first 64 bits within 31, then all": lambda: [
            in_words(words, query, REACH, 1) for query in asked
        ],
        "one of four words within 7, then all": lambda: [
            in_words(words, query, REACH // 4, 4) for query in asked
        ],
        "16 hash tables, keys within 1 bit": flipped(1),
        "16 hash tables, equal keys (not all found)": flipped(0),
    }
    for name, way in ways.items():
        way()
        print(f"{name}: {min(timed(way) for _ in range(TURNS)):.1f} ms", flush=True)


def timed(way: Callable[[], object]) -> float:
    """Return the milliseconds of one call."""
    begun = time.perf_counter()
    way()
    return (time.perf_counter() - begun) * 1000


if __name__ == "__main__":
    measure(int(sys.argv[1]))
