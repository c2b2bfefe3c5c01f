"""Hamming neighbours: the hashes nearest to many others; exact for few, by tables for many."""

from typing import Any, Final

import faiss
import numpy as np

from indexer.types import PdqBits
from indexer.vectors.faiss_threads import faiss_threads
from indexer.vectors.hash_tables import HashPairs, HashTables
from indexer.vectors.knn_graph import EXACT_UP_TO, Progress

_BITS: Final = 256
_FEW: Final = 0.2  # queries for each hash from which tables pay
_STEP: Final = 65_536  # hashes searched at a time


def find_near_hashes(
    queries: PdqBits,
    hashes: PdqBits,
    k: int,
    *,
    reach: int,
    threads: int = 1,
    on_progress: Progress = lambda _count: None,
) -> HashPairs:
    """Find the nearest hashes of each query, by Hamming distance.

    Up to `EXACT_UP_TO` hashes, or of few queries, this is exact. Beyond, those that share a
    sixteenth with a query are found, however many.

    Parameters
    ----------
    queries : ndarray of shape (m, 32), uint8
    hashes : ndarray of shape (n, 32), uint8
    k : int
        The most that are found of each query.
    reach : int
        The greatest distance in bits.
    threads : int
        Cores that are used.
    on_progress : callable
        Called with the number of queries that are done since the last call; what it raises ends
        the search.
    """
    nothing = np.zeros(0, np.int64)
    if not len(queries) or not len(hashes):
        return HashPairs(nothing, nothing)
    if len(hashes) > EXACT_UP_TO and len(queries) >= _FEW * len(hashes):
        tables = HashTables(hashes)
        return tables.search(queries, reach=reach, threads=threads, on_progress=on_progress)
    with faiss_threads(threads):
        index = _flat(hashes)
        found = []
        for start in range(0, len(queries), _STEP):
            part = np.ascontiguousarray(queries[start : start + _STEP])
            distances, rows = index.search(part, min(k, len(hashes)))
            near = (distances <= reach) & (rows >= 0)
            found.append((np.nonzero(near)[0] + start, rows[near]))
            on_progress(len(part))
    return HashPairs(*(np.concatenate(each) for each in zip(*found, strict=True)))


def _flat(hashes: PdqBits) -> Any:
    flat: Any = faiss.IndexBinaryFlat(_BITS)
    flat.add(np.ascontiguousarray(hashes))
    return flat
