"""Candidate pairs: pieces that are near each other by embedding or PDQ."""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from indexer.clustering.families.piece_index import PieceIndex, Reach
from indexer.clustering.families.piece_table import ORIENTATIONS, PieceTable, Rows
from indexer.types import Fusion, Keys, distinct
from indexer.vectors import knn_graph
from indexer.vectors.hamming_graph import find_near_hashes
from indexer.vectors.knn_graph import KnnGraph, Progress, build_knn_graph, find_neighbours

_NEIGHBOURS: Final = 16  # of a piece, by each signal


class PiecePairs(NamedTuple):
    """Pairs of pieces, arrays of (q,); a pair may come more than once."""

    ours: Rows  # of pieces
    theirs: Rows
    cosines: NDArray[np.float32]  # NaN where it was not measured


def are_few(pieces: int) -> bool:
    """Tell whether so many pieces are all compared with each other."""
    return pieces <= knn_graph.EXACT_UP_TO


class CandidateFinder:
    """Finds the pieces that are nearest to others, by embedding and by PDQ.

    Few pieces are all compared. Of many an index is made.

    Parameters
    ----------
    ids : ndarray of shape (n,), int64
        Of the images.
    table : PieceTable
        Of them.
    fusion : Fusion
        Says how far a PDQ may be to speak for a copy.
    seed : int
        Of the samples from which cells are learnt.
    threads : int
        Cores that are used.
    """

    def __init__(
        self, ids: Keys, table: PieceTable, fusion: Fusion, *, seed: int, threads: int
    ) -> None:
        self._ids = ids
        self._table = table
        self._fusion = fusion
        self._seed = seed
        self._threads = threads
        self.index: PieceIndex | None = None
        """Of all pieces, once they were looked through; none of few."""

    def among_all(self, reach: Reach, on_progress: Progress) -> PiecePairs:
        """Find the nearest of all pieces among each other.

        Parameters
        ----------
        reach : Reach
            How near pieces must be, where they are many.
        on_progress : callable
            Called with the number of pieces that are done since the last call; what it raises ends
            the search.
        """
        every = np.arange(len(self._table))
        if not are_few(len(every)):
            return self._by_index(every, reach, on_progress)
        graph = build_knn_graph(
            self._table.embeddings, _NEIGHBOURS, threads=self._threads, on_progress=on_progress
        )
        return self._joined(every, graph, on_progress)

    def of(self, pieces: Rows, on_progress: Progress) -> PiecePairs:
        """Find the nearest of some pieces among all, which are few.

        Parameters
        ----------
        pieces : ndarray of shape (m,), int64
            Rows of pieces, ascending.
        on_progress : callable
            As for `among_all`.
        """
        graph = find_neighbours(self._table.embeddings, pieces, _NEIGHBOURS, threads=self._threads)
        on_progress(len(pieces))
        return self._joined(pieces, graph, on_progress)

    def make_index(self, reach: Reach, on_progress: Progress) -> PieceIndex:
        """Index all pieces; parameters are those of `among_all`."""
        self.index = PieceIndex.build(
            self._ids,
            self._table,
            reach,
            seed=self._seed,
            threads=self._threads,
            on_progress=on_progress,
        )
        return self.index

    def _by_index(self, pieces: Rows, reach: Reach, on_progress: Progress) -> PiecePairs:
        index = self.make_index(reach, on_progress)
        near = index.near(
            self._table, pieces, reach, threads=self._threads, on_progress=on_progress
        )
        low, high = np.minimum(near.asked, near.found), np.maximum(near.asked, near.found)
        keys = distinct((low * len(self._table) + high)[low < high])
        unmeasured = np.full(len(keys), np.nan, np.float32)
        return PiecePairs(keys // len(self._table), keys % len(self._table), unmeasured)

    def _joined(self, pieces: Rows, graph: KnnGraph, on_progress: Progress) -> PiecePairs:
        """Add the nearest of some pieces by PDQ to those by embedding."""
        table = self._table
        asked, searched = pieces[table.hashed[pieces]], np.flatnonzero(table.hashed)
        near = find_near_hashes(
            table.turned(asked).reshape(-1, table.pdqs.shape[1]),
            table.pdqs[searched],
            _NEIGHBOURS,
            reach=self._fusion.pdq_reach,
            threads=self._threads,
            on_progress=lambda _count: on_progress(0),
        )
        ours = np.repeat(pieces, graph.rows.shape[1])
        unmeasured = np.full(len(near.rows), np.nan, np.float32)
        return PiecePairs(
            np.concatenate([ours, asked[near.queries // ORIENTATIONS]]),
            np.concatenate([graph.rows.ravel(), searched[near.rows]]),
            np.concatenate([graph.similarities.ravel(), unmeasured]),
        )
