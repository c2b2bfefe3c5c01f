"""Vector cells: an index of many vectors in a bit a dimension (IVF-PQ), for candidates.

Vectors lie in cells around learnt centres, and four dimensions at a time are quantised to four bits
(product quantisation, Jégou, Douze and Schmid 2011; scanned as in André, Kermarrec and Le Scouarnec
2015). So a million vectors of 512 dimensions take 75 MB, and those near to a query are found
without the vectors themselves. Quantised vectors are shorter than 1, so cosines come out too low in
proportion; set right by those of a sample to itself, they are estimated to about 0.05.
"""

from math import gcd
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

import faiss
import numpy as np
from numpy.typing import NDArray

from indexer.errors import SnapshotMismatch
from indexer.types import Embeddings
from indexer.vectors.base import Sink
from indexer.vectors.faiss_files import read_faiss, write_faiss
from indexer.vectors.faiss_threads import faiss_threads
from indexer.vectors.knn_graph import Progress

_TOGETHER: Final = 4  # dimensions that are quantised together
_CELLS: Final = 2  # for each root of the vectors' number
_TRAINING: Final = 39  # vectors that each cell's centre is learnt from
_ROUNDS: Final = 4  # of k-means
_PROBED: Final = 16  # cells that are searched, more until ...
_MOST_PROBED: Final = 64
_ENOUGH: Final = 0.85  # ... so large a share of the near others of a sample is found
_PROBES: Final = 200  # vectors of that sample, ...
_PARTS: Final = 10  # ... in so many parts: each takes 20 floats for each of all vectors
_STEP: Final = 8192  # vectors searched at a time


class NearVectors(NamedTuple):
    """Pairs of a query and a vector, by ascending query."""

    queries: NDArray[np.int64]  # (n,), rows
    rows: NDArray[np.int64]  # (n,), of the vectors that were searched
    similarities: NDArray[np.float32]  # (n,), estimated cosines


class VectorCells:
    """Vectors in cells, of which those nearest to a query are searched.

    Parameters
    ----------
    index : faiss.IndexIVFPQFastScan
    scale : float
        By which the index's estimates of cosines are too low.
    """

    def __init__(self, index: Any, scale: float = 1.0) -> None:
        self._index = index
        self.scale = scale

    @classmethod
    def build(
        cls,
        vectors: Embeddings,
        k: int,
        *,
        at_least: float,
        seed: int = 0,
        threads: int = 1,
        on_progress: Progress = lambda _count: None,
    ) -> Self:
        """Put vectors into cells.

        Parameters
        ----------
        vectors : ndarray of shape (n, d), float32, unit rows
        k : int
            Neighbours that a search looks for.
        at_least : float
            The cosine from which neighbours matter: as many cells are searched as find most of
            these.
        seed : int
            Of the samples.
        threads : int
            Cores that are used.
        on_progress : callable
            Called with 0 now and then; what it raises ends the work.
        """
        n, dimension = vectors.shape
        random = np.random.default_rng(seed)
        cells = max(1, int(_CELLS * n**0.5))
        metric = faiss.METRIC_INNER_PRODUCT
        codes = f"PQ{dimension // gcd(dimension, _TOGETHER)}x4fs"
        index: Any = faiss.index_factory(dimension, f"IVF{cells},{codes}", metric)
        index.cp.niter, index.cp.seed, index.nprobe = _ROUNDS, seed + 1, min(_PROBED, cells)
        sample = np.sort(random.choice(n, min(n, _TRAINING * cells), replace=False))
        found = cls(index)
        with faiss_threads(threads):
            index.train(vectors[sample])
            on_progress(0)
            for start in range(0, n, _STEP):
                index.add(vectors[start : start + _STEP])
                on_progress(0)
            probes = np.sort(random.choice(n, min(n, _PROBES), replace=False))
            found._widen(vectors, probes, k, at_least)
            found.scale = found._measure_scale(vectors, probes)
        return found

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def search(
        self,
        queries: Embeddings,
        k: int,
        *,
        at_least: float,
        threads: int = 1,
        on_progress: Progress = lambda _count: None,
    ) -> NearVectors:
        """Find the nearest vectors of each query.

        Parameters
        ----------
        queries : ndarray of shape (m, d), float32, unit rows
        k : int
            The most that are found of each.
        at_least : float
            Least estimated cosine.
        threads : int
            Cores that are used.
        on_progress : callable
            Called with the number of queries that are done since the last call; what it raises ends
            the search.
        """
        nothing = np.zeros(0, np.int64)
        found = [NearVectors(nothing, nothing, nothing.astype(np.float32))]
        with faiss_threads(threads):
            for start in range(0, len(queries), _STEP):
                part = queries[start : start + _STEP]
                estimates, rows = self._index.search(part, min(k, len(self)))
                similarities = estimates / np.float32(self.scale)
                near = (similarities >= at_least) & (rows >= 0)
                found.append(
                    NearVectors(np.nonzero(near)[0] + start, rows[near], similarities[near])
                )
                on_progress(len(part))
        return NearVectors(
            np.concatenate([each.queries for each in found]),
            np.concatenate([each.rows for each in found]),
            np.concatenate([each.similarities for each in found]),
        )

    def write(self, sink: Sink) -> None:
        """Write the cells in FAISS's format."""
        write_faiss(self._index, sink)

    @classmethod
    def read(cls, path: Path, dimension: int, scale: float) -> Self:
        """Read what `write` wrote, which has all but the scale.

        Raises
        ------
        SnapshotMismatch
            The file holds something else.
        """
        index = read_faiss(path)
        if not isinstance(index, faiss.IndexIVFPQFastScan) or index.d != dimension:
            raise SnapshotMismatch(
                f"{path} holds a {type(index).__name__} of {index.d} dimensions, expected an "
                f"IndexIVFPQFastScan of {dimension}."
            )
        return cls(index, scale)

    def _measure_scale(self, vectors: Embeddings, probes: NDArray[np.int64]) -> float:
        """Return the mean estimate of the cosine of some vectors to themselves, which is 1."""
        estimates, _ = self._index.search(vectors[probes], 1)
        return float(estimates.mean())

    def _widen(
        self, vectors: Embeddings, probes: NDArray[np.int64], k: int, at_least: float
    ) -> None:
        """Search more cells until most of the near others of some rows are found."""
        near = []
        for some in np.split(probes, range(_PARTS, len(probes), _PARTS)):
            similarities = vectors[some] @ vectors.T
            similarities[np.arange(len(some)), some] = -2
            rows = np.argpartition(similarities, -k, axis=1)[:, -k:] if k < len(vectors) else None
            for place, own in enumerate(some):
                nearest = np.arange(len(vectors)) if rows is None else rows[place]
                enough = nearest[similarities[place, nearest] >= at_least]
                near.append(own * len(vectors) + enough)
        wanted = np.concatenate(near)
        most = min(_MOST_PROBED, int(self._index.nlist))
        while len(wanted):
            _, rows = self._index.search(vectors[probes], min(2 * k, len(vectors)))
            reached = (probes[:, np.newaxis] * len(vectors) + rows).ravel()
            if np.isin(wanted, reached).mean() >= _ENOUGH or self._index.nprobe >= most:
                break
            self._index.nprobe = min(most, 2 * self._index.nprobe)
