"""Neighbour cells: an inverted file of quantised vectors (IVF-PQ), searched for nearest others.

Two dimensions at a time are quantised to four bits (product quantisation, Jégou, Douze and Schmid
2011; scanned as in André, Kermarrec and Le Scouarnec 2015). The candidates that this nominates are
compared by their full vectors.
"""

from dataclasses import dataclass
from typing import Any, Final, Self

import faiss
import numpy as np
from numpy.typing import NDArray

from indexer.types import Embeddings
from indexer.vectors.neighbour_lists import Neighbours, exact_neighbours, nearest_of

_SAMPLE: Final = 20_000  # vectors that the reduction is fitted on
_KEPT: Final = 0.97  # share of the vectors' energy that the reduction keeps, ...
_MOST_DIMENSIONS: Final = 128  # ... where so many dimensions are enough for it
_TOGETHER: Final = 2  # dimensions that are quantised together
_CELLS: Final = 2  # cells of the index for each root of the vectors' number
_PROBED: Final = 8  # cells that a vector's neighbours are looked for in, more until ...
_ENOUGH: Final = 0.87  # ... so large a share of the true neighbours of a sample is found, ...
_MOST_COMPARED: Final = 65_536  # ... or each vector is compared with about so many
_WIDER: Final = 1.25  # times the cells, each time too little is found
_TRAINING: Final = 64  # vectors that each cell's centre is learnt from
_ROUNDS: Final = 8  # of k-means
_SPARE: Final = 4  # candidates looked at in full for each neighbour that is wanted, ...
_FEWEST: Final = 256  # ... and so many at least
_PROBES: Final = 200  # vectors whose neighbours are also looked up exactly, ...
_PARTS: Final = 10  # ... in so many parts: each takes 20 floats for each of all vectors
_ROUNDING: Final = np.float32(1e-6)  # of a similarity


class NeighbourCells:
    """Vectors in cells around centres, of which those nearest to a vector are searched.

    Parameters
    ----------
    vectors : ndarray of shape (n, d), float32, unit rows
    random : numpy.random.Generator
        Draws the sample from which the centres are learnt.
    """

    def __init__(self, vectors: Embeddings, random: np.random.Generator) -> None:
        self._vectors = vectors
        self._reduced = _reduce(vectors, random)
        n, dimension = self._reduced.shape
        self._cells = int(_CELLS * n**0.5)
        codes = f"PQ{dimension // _TOGETHER}x4fs"
        index: Any = faiss.index_factory(dimension, f"IVF{self._cells},{codes}")
        index.cp.niter, index.nprobe = _ROUNDS, _PROBED
        sample = np.sort(random.choice(n, min(n, _TRAINING * self._cells), replace=False))
        index.train(self._reduced[sample])
        index.add(self._reduced)
        self._index = index

    def widen(self, k: int, random: np.random.Generator) -> float:
        """Search more cells until enough of the k neighbours of a sample are found.

        It ends sooner where each vector would be compared with too many others.

        Parameters
        ----------
        k : int
            Neighbours of each.
        random : numpy.random.Generator
            Draws the sample.

        Returns
        -------
        float
            The share that is found.
        """
        sample = NeighbourSample.draw(self._vectors, k, random)
        most = min(self._cells, max(_PROBED, self._cells * _MOST_COMPARED // len(self._vectors)))
        while True:
            recall = sample.recall(self.nearest(sample.rows, k).similarities)
            if recall >= _ENOUGH or self._index.nprobe >= most:
                return recall
            self._index.nprobe = min(most, int(_WIDER * self._index.nprobe))

    def nearest(self, own: NDArray[np.int64], k: int) -> Neighbours:
        """Find the k nearest others of some rows (m,), among the vectors of the cells searched.

        Where the cells hold fewer than k others, all vectors are compared.
        """
        wanted = max(_FEWEST, _SPARE * k) + 1  # itself among them
        _, candidates = self._index.search(self._reduced[own], wanted)
        found = nearest_of(self._vectors, own, candidates, k)
        lacking = np.flatnonzero((found.rows < 0).any(axis=1))  # the cells hold too few
        if len(lacking):
            exact = exact_neighbours(self._vectors, own[lacking], k)
            found.rows[lacking], found.similarities[lacking] = exact
        return found


@dataclass(frozen=True, slots=True)
class NeighbourSample:
    """Some of the vectors, and how near their true neighbours are."""

    rows: NDArray[np.int64]  # (m,), ascending
    least: NDArray[np.float32]  # (m, 1), similarity of the k-th neighbour

    @classmethod
    def draw(cls, vectors: Embeddings, k: int, random: np.random.Generator) -> Self:
        """Compare some of many vectors with all."""
        rows = np.sort(random.choice(len(vectors), _PROBES, replace=False))
        parts = [_kth_similarity(vectors, some, k) for some in np.split(rows, _PARTS)]
        return cls(rows, np.concatenate(parts)[:, np.newaxis])

    def recall(self, similarities: NDArray[np.float32]) -> float:
        """Return the share of the neighbours that lists (m, k) hold; one that ties counts."""
        return float((similarities >= self.least - _ROUNDING).mean())


def _kth_similarity(vectors: Embeddings, own: NDArray[np.int64], k: int) -> NDArray[np.float32]:
    similarities = vectors[own] @ vectors.T
    similarities[np.arange(len(own)), own] = -2
    kth: NDArray[np.float32] = np.partition(similarities, -k, axis=1)[:, -k]
    return kth


def _reduce(vectors: Embeddings, random: np.random.Generator) -> Embeddings:
    """Turn to the directions in which the vectors lie, and keep those with most of the energy.

    Their number is even: a last one is filled up with zeros.
    """
    sample = vectors[
        np.sort(random.choice(len(vectors), min(len(vectors), _SAMPLE), replace=False))
    ]
    energies, directions = np.linalg.eigh(sample.T @ sample)  # ascending
    shares = np.cumsum(energies[::-1]) / energies.sum()
    enough = min(_MOST_DIMENSIONS, int(np.searchsorted(shares, _KEPT)) + 1, len(shares))
    kept = directions[:, ::-1][:, :enough]
    even = np.pad(kept, ((0, 0), (0, -enough % _TOGETHER)))
    return np.ascontiguousarray(vectors @ even, dtype=np.float32)
