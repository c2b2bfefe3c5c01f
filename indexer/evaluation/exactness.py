"""Recall of a view against exact search of the log."""

from collections.abc import Iterator
from dataclasses import dataclass
from time import perf_counter
from typing import Final

import numpy as np
from numpy.typing import NDArray

from indexer.images.fingerprints import hamming
from indexer.types import ChangeFeed, Keys, PdqBits, Vectors
from indexer.vectors import VectorView

_CHUNK: Final = 8192  # keys whose vectors are read from the log at a time
_ANGLE: Final = 0.2
"""Length of the noise on a stored unit vector: its cosine to what it was is 0.98."""
_FLIPPED: Final = 12  # bits of 256, as between two copies of a picture
_ROUNDING: Final = 1e-5
"""Difference up to which two distances count as one: engines add in different orders."""

Distances = NDArray[np.float64]
"""(n, m): 1 - cosine or bits; lower is closer."""


@dataclass(frozen=True, slots=True)
class Exactness:
    """What one view finds of the true nearest keys."""

    view: str
    keys: int
    queries: int
    k: int
    recall: float
    """Share of the k nearest that the view finds; 1 for an exact index. Ties count as found."""
    milliseconds_per_query: float
    """Time of the view's search, all queries in one call."""


def measure_exactness(view: VectorView, *, k: int, sample: int, seed: int = 0) -> Exactness | None:
    """Compare a view's answers with those of brute force over the vectors in the log.

    The queries are stored vectors, disturbed a little: near ones are what an approximate index is
    asked for.

    Parameters
    ----------
    view : VectorView
        Caught up with the log.
    k : int
        Neighbours of each query.
    sample : int
        Queries; fewer where the view holds fewer keys.
    seed : int
        What they are chosen and disturbed by.

    Returns
    -------
    Exactness or None
        None for a view that holds nothing.
    """
    feed = view.feed
    keys = np.unique(feed.all_keys().keys)
    if not len(keys):
        return None
    random = np.random.default_rng(seed)
    asked = random.choice(keys, min(sample, len(keys)), replace=False)
    queries = _disturb(_first_vectors(feed, np.sort(asked)), random)
    bounds = _bounds(feed, keys, queries, min(k, len(keys)))
    begun = perf_counter()
    hits = view.index.search(queries, k)
    seconds = perf_counter() - begun
    found = _count_within(feed, queries, hits.keys, bounds)
    return Exactness(
        view=view.name,
        keys=len(keys),
        queries=len(queries),
        k=k,
        recall=found / (len(queries) * min(k, len(keys))),
        milliseconds_per_query=1000 * seconds / len(queries),
    )


def _bounds(feed: ChangeFeed, keys: Keys, queries: Vectors, k: int) -> Distances:
    """Return the distance of the k-th nearest key of each query, (n,)."""
    best: Distances = np.full((len(queries), k), np.inf)
    for _, distances in _distances(feed, keys, queries):
        best = np.partition(np.concatenate([best, distances], axis=1), k - 1, axis=1)[:, :k]
    bounds: Distances = best.max(axis=1)
    return bounds


def _count_within(feed: ChangeFeed, queries: Vectors, found: Keys, bounds: Distances) -> int:
    """Count the keys found, (n, k), that are within the bound of their query."""
    count = 0
    wanted = np.unique(found[found >= 0])
    for keys, distances in _distances(feed, wanted, queries):
        within = distances <= bounds[:, np.newaxis] + _ROUNDING
        count += sum(
            int(np.isin(keys[row], of_query).sum())
            for row, of_query in zip(within, found, strict=True)
        )
    return count


def _distances(feed: ChangeFeed, keys: Keys, queries: Vectors) -> Iterator[tuple[Keys, Distances]]:
    """Yield chunks of keys with the distance of each to each query: that of its nearest vector."""
    for start in range(0, len(keys), _CHUNK):
        stored = feed.look_up(keys[start : start + _CHUNK])
        order = np.argsort(stored.keys, kind="stable")
        here, first = np.unique(stored.keys[order], return_index=True)
        if len(here):
            distances = _distance(queries, stored.vectors[order])
            yield here, np.minimum.reduceat(distances, first, axis=1)


def _distance(queries: Vectors, vectors: Vectors) -> Distances:
    if _is_binary(vectors):
        return hamming(queries, vectors).astype(np.float64)
    return 1 - queries.astype(np.float64) @ vectors.astype(np.float64).T


def _first_vectors(feed: ChangeFeed, keys: Keys) -> Vectors:
    """Return one vector of each key."""
    stored = feed.look_up(keys)
    _, first = np.unique(stored.keys, return_index=True)
    return stored.vectors[first]


def _disturb(vectors: Vectors, random: np.random.Generator) -> Vectors:
    """Turn unit vectors by a small angle, or flip a few bits of hashes."""
    if _is_binary(vectors):
        return vectors ^ _flips(vectors.shape, random)
    noise = random.standard_normal(vectors.shape)
    noise *= _ANGLE / np.linalg.norm(noise, axis=1, keepdims=True)
    disturbed = vectors + noise
    disturbed /= np.linalg.norm(disturbed, axis=1, keepdims=True)
    return disturbed.astype(np.float32)


def _flips(shape: tuple[int, ...], random: np.random.Generator) -> PdqBits:
    """Return (n, 32) bytes with that many bits set in each row."""
    rows, width = shape
    bits = np.zeros((rows, 8 * width), np.uint8)
    bits[:, :_FLIPPED] = 1
    return np.packbits(random.permuted(bits, axis=1), axis=1)


def _is_binary(vectors: Vectors) -> bool:
    return vectors.dtype == np.uint8
