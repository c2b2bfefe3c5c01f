"""Candidate pairs: pieces that are near each other by embedding or PDQ."""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from indexer.clustering.families.piece_table import PieceTable, Rows
from indexer.types import Fusion, count_comparisons
from indexer.vectors.hamming_graph import find_near_hashes
from indexer.vectors.knn_graph import KnnGraph, Progress, build_knn_graph, find_neighbours

_NEIGHBOURS: Final = 16  # of a piece, by each signal
_ORIENTATIONS: Final = 8


class PiecePairs(NamedTuple):
    """Pairs of pieces, arrays of (q,); a pair may come more than once."""

    ours: Rows  # of pieces
    theirs: Rows
    cosines: NDArray[np.float32]  # NaN where it was not measured


class CandidateFinder:
    """Finds the pieces that are nearest to others, by embedding and by PDQ.

    Parameters
    ----------
    table : PieceTable
    fusion : Fusion
        Says how far a PDQ may be to speak for a copy, and which cosines matter by themselves.
    seed : int
        Of the samples from which cells are learnt, where there are too many pieces to compare all.
    threads : int
        Cores that are used.
    """

    def __init__(self, table: PieceTable, fusion: Fusion, *, seed: int, threads: int) -> None:
        self._table = table
        self._reach = fusion.pdq_reach
        comparisons = count_comparisons(len(table), 1, _ORIENTATIONS)
        self._matters = fusion.least_similarity(0.0, comparisons) + fusion.bias
        self._seed = seed
        self._threads = threads

    def among_all(self, on_progress: Progress) -> PiecePairs:
        """Find the nearest of all pieces among each other.

        Parameters
        ----------
        on_progress : callable
            Called with the number of pieces that are done since the last call; what it raises ends
            the search.
        """
        every = np.arange(len(self._table))
        graph = build_knn_graph(
            self._table.embeddings,
            _NEIGHBOURS,
            at_least=self._matters,
            seed=self._seed,
            threads=self._threads,
            on_progress=on_progress,
        )
        return self._joined(every, graph, on_progress)

    def of(self, pieces: Rows, on_progress: Progress) -> PiecePairs:
        """Find the nearest of some pieces among all.

        Parameters
        ----------
        pieces : ndarray of shape (m,), int64
            Rows of pieces, ascending.
        on_progress : callable
            As for `among_all`.
        """
        table = self._table
        graph = find_neighbours(
            table.embeddings, pieces, _NEIGHBOURS, seed=self._seed, threads=self._threads
        )
        on_progress(len(pieces))
        return self._joined(pieces, graph, on_progress)

    def _joined(self, pieces: Rows, graph: KnnGraph, on_progress: Progress) -> PiecePairs:
        """Add the nearest of some pieces by PDQ to those by embedding."""
        table = self._table
        asked, searched = pieces[table.hashed[pieces]], np.flatnonzero(table.hashed)
        near = find_near_hashes(
            table.turned(asked).reshape(-1, table.pdqs.shape[1]),
            table.pdqs[searched],
            _NEIGHBOURS,
            reach=self._reach,
            seed=self._seed,
            threads=self._threads,
            on_progress=lambda _count: on_progress(0),
        )
        ours = np.repeat(pieces, graph.rows.shape[1])
        unmeasured = np.full(len(near.rows), np.nan, np.float32)
        return PiecePairs(
            np.concatenate([ours, asked[near.queries // _ORIENTATIONS]]),
            np.concatenate([graph.rows.ravel(), searched[near.rows]]),
            np.concatenate([graph.similarities.ravel(), unmeasured]),
        )
