"""Hamming neighbours: the hashes nearest to many others; exact for few, by cells (IVF) for many."""

from typing import Any, Final, NamedTuple

import faiss
import numpy as np
from numpy.typing import NDArray

from indexer.types import PdqBits
from indexer.vectors.faiss_threads import faiss_threads
from indexer.vectors.knn_graph import EXACT_UP_TO, Progress

_BITS: Final = 256
_CELLS: Final = 2  # cells for each root of the hashes' number
_PROBED: Final = 4  # cells that are searched
_TRAINING: Final = 40  # hashes that each cell's centre is learnt from
_ROUNDS: Final = 5  # of k-means
_FEW: Final = 0.2  # queries for each hash from which learning cells pays
_STEP: Final = 65_536  # hashes searched at a time


class HashPairs(NamedTuple):
    """Pairs of hashes within reach, by ascending query."""

    queries: NDArray[np.int64]  # (n,), rows
    rows: NDArray[np.int64]  # (n,), of the hashes that were searched


def find_near_hashes(  # noqa: PLR0913 -- what, among what, and how
    queries: PdqBits,
    hashes: PdqBits,
    k: int,
    *,
    reach: int,
    seed: int = 0,
    threads: int = 1,
    on_progress: Progress = lambda _count: None,
) -> HashPairs:
    """Find the nearest hashes of each query, by Hamming distance.

    Up to `EXACT_UP_TO` hashes, or of few queries, this is exact. Beyond, the cells nearest to a
    query are searched, which hold most of the hashes that are near to it.

    Parameters
    ----------
    queries : ndarray of shape (m, 32), uint8
    hashes : ndarray of shape (n, 32), uint8
    k : int
        The most that are found of each query.
    reach : int
        The greatest distance in bits.
    seed : int
        Of the sample that cells are learnt from.
    threads : int
        Cores that are used.
    on_progress : callable
        Called with the number of queries that are done since the last call; what it raises ends
        the search.
    """
    nothing = np.zeros(0, np.int64)
    if not len(queries) or not len(hashes):
        return HashPairs(nothing, nothing)
    with faiss_threads(threads):
        few = len(hashes) <= EXACT_UP_TO or len(queries) < _FEW * len(hashes)
        index = _flat(hashes) if few else _cells(np.ascontiguousarray(hashes), seed)
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


def _cells(hashes: PdqBits, seed: int) -> Any:
    flat: Any = faiss.IndexBinaryFlat(_BITS)
    cells = int(_CELLS * len(hashes) ** 0.5)
    index: Any = faiss.IndexBinaryIVF(flat, _BITS, cells)
    index.own_fields = False
    index.quantizer_kept = flat  # Python would free it
    index.cp.niter, index.cp.seed, index.nprobe = _ROUNDS, seed + 1, _PROBED
    random = np.random.default_rng(seed)
    sample = np.sort(random.choice(len(hashes), min(len(hashes), _TRAINING * cells), replace=False))
    index.train(hashes[sample])
    index.add(hashes)
    return index
