"""Exhaustive search of the catalog's vectors, a few thousand keys at a time."""

from collections.abc import Iterator
from typing import Final

import numpy as np

from indexer.types import ChangeFeed, Embeddings, Keys
from indexer.vectors import SimilarityHits, SimilarityRangeHits
from indexer.vectors.faiss_index import FloatIndex

_PAGE: Final = 8_192  # keys whose vectors are in memory at once: 17 MB of 512 floats


def scan_nearest(
    feed: ChangeFeed, keys: Keys, dimension: int, queries: Embeddings, k: int
) -> SimilarityHits:
    """Find the k nearest of some keys for each query, whatever their number; see `VectorIndex`."""
    best_keys = np.full((len(queries), k), -1, np.int64)
    best = np.full((len(queries), k), -np.inf, np.float32)
    for page in _pages(feed, keys, dimension):
        hits = page.search(queries, k)
        found = np.hstack([best_keys, hits.keys])
        similarities = np.hstack([best, hits.similarities])
        order = np.lexsort((found, -similarities))[:, :k]
        best_keys = np.take_along_axis(found, order, axis=1)
        best = np.take_along_axis(similarities, order, axis=1)
    return SimilarityHits(keys=best_keys, similarities=best)


def scan_range(
    feed: ChangeFeed, keys: Keys, dimension: int, queries: Embeddings, threshold: float
) -> SimilarityRangeHits:
    """Find those of some keys that are at the threshold or nearer; see `VectorIndex`."""
    found = [page.range_search(queries, threshold) for page in _pages(feed, keys, dimension)]
    owners = [np.repeat(np.arange(len(queries)), np.diff(hits.offsets)) for hits in found]
    owner = np.concatenate([np.zeros(0, np.int64), *owners])
    all_keys = np.concatenate([np.zeros(0, np.int64), *(hits.keys for hits in found)])
    similarities = np.concatenate([np.zeros(0, np.float32), *(hits.similarities for hits in found)])
    order = np.lexsort((all_keys, -similarities, owner))
    counts = np.bincount(owner, minlength=len(queries))
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return SimilarityRangeHits(
        offsets=offsets, keys=all_keys[order], similarities=similarities[order]
    )


def _pages(feed: ChangeFeed, keys: Keys, dimension: int) -> Iterator[FloatIndex]:
    """Yield indexes of the vectors that the catalog has of some keys, each key in one of them."""
    distinct = np.unique(keys)
    for start in range(0, len(distinct), _PAGE):
        said = feed.look_up(distinct[start : start + _PAGE])
        page = FloatIndex(dimension)
        page.add(said.keys, said.vectors)
        yield page
