"""Recall of a view against exact search of the log."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import Final

import numpy as np
from numpy.typing import NDArray

from indexer.images.fingerprints import hamming
from indexer.types import ChangeFeed, Keys, Vectors
from indexer.vectors import DistanceHits, Hits, LogView, SimilarityHits
from indexer.vectors.recall import disturbed, measure_recall

_CHUNK: Final = 8192  # keys whose vectors are read from the log at a time

Distances = NDArray[np.float64]
"""(n, m): negated cosine or bits; lower is closer."""


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


def measure_exactness(view: LogView, *, k: int, sample: int, seed: int = 0) -> Exactness | None:
    """Compare a view's answers with those of brute force over the vectors in the log.

    The queries are stored vectors, disturbed a little: near ones are what an approximate index is
    asked for.

    Parameters
    ----------
    view : LogView
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
    queries = disturbed(_first_vectors(feed, np.sort(asked)), random)
    seconds = 0.0

    def search_view(queries: Vectors, k: int) -> Hits:
        nonlocal seconds
        begun = perf_counter()
        hits = view.index.search(queries, k)
        seconds = perf_counter() - begun
        return hits

    measured = measure_recall(search_view, partial(search_log, feed, keys), queries, k)
    return Exactness(
        view=view.name,
        keys=len(keys),
        queries=len(queries),
        k=k,
        recall=measured.recall,
        milliseconds_per_query=1000 * seconds / len(queries),
    )


def search_log(feed: ChangeFeed, keys: Keys, queries: Vectors, k: int) -> Hits:
    """Find the k nearest keys of each query by brute force over the vectors in the log.

    Parameters
    ----------
    feed : ChangeFeed
    keys : ndarray of shape (m,), int64
        Those to consider, each once.
    queries : ndarray of shape (n, d), float32 unit rows, or (n, d // 8), uint8
    k : int
    """
    best_keys = np.full((len(queries), k), -1, np.int64)
    best: Distances = np.full((len(queries), k), np.inf)
    for here, distances in _distances(feed, keys, queries):
        near_keys = np.concatenate([best_keys, np.broadcast_to(here, distances.shape)], axis=1)
        near = np.concatenate([best, distances], axis=1)
        order = np.argsort(near, axis=1, kind="stable")[:, :k]
        best_keys = np.take_along_axis(near_keys, order, axis=1)
        best = np.take_along_axis(near, order, axis=1)
    if _is_binary(queries):
        most = np.iinfo(np.int32).max
        return DistanceHits(best_keys, np.where(best < most, best, most).astype(np.int32))
    return SimilarityHits(best_keys, (-best).astype(np.float32))


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
    return -(queries.astype(np.float64) @ vectors.astype(np.float64).T)


def _first_vectors(feed: ChangeFeed, keys: Keys) -> Vectors:
    """Return one vector of each key."""
    stored = feed.look_up(keys)
    _, first = np.unique(stored.keys, return_index=True)
    return stored.vectors[first]


def _is_binary(vectors: Vectors) -> bool:
    return vectors.dtype == np.uint8
