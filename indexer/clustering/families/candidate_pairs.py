"""Candidate pairs: pieces that are near each other by embedding or PDQ."""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from indexer.clustering.families.piece_table import PieceTable, Rows
from indexer.types import Fusion
from indexer.vectors.hamming_graph import find_near_hashes
from indexer.vectors.knn_graph import KnnGraph, Progress, build_knn_graph, find_neighbours

_NEIGHBOURS: Final = 16  # of a piece, by each signal
_MATTERS: Final = 0.5  # cosine from which nearly all neighbours are to be found
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
        Says how far a PDQ may be to speak for a copy.
    seed : int
        Of the samples from which cells are learnt, where there are too many pieces to compare all.
    threads : int
        Cores that are used.
    """

    def __init__(self, table: PieceTable, fusion: Fusion, *, seed: int, threads: int) -> None:
        self._table = table
        self._reach = fusion.pdq_reach
        self._seed = seed
        self._threads = threads

    def among(self, pieces: Rows, on_progress: Progress) -> PiecePairs:
        """Find the nearest of some pieces among each other.

        Parameters
        ----------
        pieces : ndarray of shape (m,), int64
            Rows of pieces, ascending.
        on_progress : callable
            Called with the number of pieces that are done since the last call; what it raises ends
            the search.
        """
        embeddings, hashed = self._table.embeddings, self._table.hashed
        graph = build_knn_graph(
            embeddings if len(pieces) == len(embeddings) else embeddings[pieces],
            _NEIGHBOURS,
            at_least=_MATTERS,
            seed=self._seed,
            threads=self._threads,
            on_progress=on_progress,
        )
        some = pieces[hashed[pieces]]
        return self._joined(pieces, graph, pieces, some, some, on_progress)

    def of(self, pieces: Rows, on_progress: Progress) -> PiecePairs:
        """Find the nearest of some pieces among all; parameters are those of `among`."""
        table = self._table
        graph = find_neighbours(
            table.embeddings, pieces, _NEIGHBOURS, seed=self._seed, threads=self._threads
        )
        on_progress(len(pieces))
        every, some = np.arange(len(table)), pieces[table.hashed[pieces]]
        return self._joined(pieces, graph, every, some, every[table.hashed], on_progress)

    def _joined(
        self,
        pieces: Rows,
        graph: KnnGraph,
        searched: Rows,
        hashes: Rows,
        searched_hashes: Rows,
        on_progress: Progress,
    ) -> PiecePairs:
        pdqs = self._table.pdqs
        near = find_near_hashes(
            self._table.turned(hashes).reshape(-1, pdqs.shape[1]),
            pdqs[searched_hashes],
            _NEIGHBOURS,
            reach=self._reach,
            seed=self._seed,
            threads=self._threads,
            on_progress=lambda _count: on_progress(0),
        )
        ours = np.repeat(pieces, graph.rows.shape[1])
        unmeasured = np.full(len(near.rows), np.nan, np.float32)
        return PiecePairs(
            np.concatenate([ours, hashes[near.queries // _ORIENTATIONS]]),
            np.concatenate([searched[graph.rows.ravel()], searched_hashes[near.rows]]),
            np.concatenate([graph.similarities.ravel(), unmeasured]),
        )
