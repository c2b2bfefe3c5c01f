"""Table of the pieces of many images, as arrays."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import numpy as np
from numpy.typing import NDArray

from indexer.images.pdq import turn_hashes
from indexer.store import ScopedPieces
from indexer.types import Embeddings, LogOdds, PdqBits, SpaceTraits, distinct, query_bias

Rows = NDArray[np.int64]

ORIENTATIONS: Final = 8
_STEP: Final = 2048  # pieces prepared at a time


class PieceTable:
    """The whole first frames of n images in the rows 0 to n - 1, then their parts: p pieces.

    What takes long to know of a piece is computed for those that are asked for.

    Parameters
    ----------
    scoped : ScopedPieces
    min_quality : int
        PDQ quality, 0 to 100, below which a picture is too flat to be compared by it.
    traits : SpaceTraits
    threads : int
        Cores that are used.
    """

    def __init__(
        self, scoped: ScopedPieces, min_quality: int, traits: SpaceTraits, threads: int = 1
    ) -> None:
        pieces, images = scoped.pdqs.shape[0], len(scoped.images.ids)
        sizes = np.bincount(scoped.owners, minlength=images)
        self.images: Final = images
        self.embeddings: Final[Embeddings] = scoped.embeddings  # (p, d), unit rows
        self.pdqs: Final[PdqBits] = scoped.pdqs  # (p, 32), as they are
        self.hashed: Final = scoped.qualities >= min_quality  # (p,), whether the PDQ is good enough
        self.owners: Final[Rows] = scoped.owners  # (p,), rows of the images
        self.counts: Final[Rows] = sizes.astype(np.int64)  # (n,), pieces of each image
        self._by_owner: Final = np.argsort(scoped.owners, kind="stable")  # the whole of each first
        self._ends: Final = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        self._traits: Final = traits
        self._threads: Final = threads
        self._biases: Final = np.full(pieces, np.nan, np.float32)
        self._is_turned: Final = np.zeros(pieces, np.bool_)
        self._turned: Final = np.zeros((pieces, ORIENTATIONS, scoped.pdqs.shape[1]), np.uint8)

    def __len__(self) -> int:
        return len(self.owners)

    def biases(self, rows: Rows) -> LogOdds:
        """Return how alike some pieces are to unrelated pictures, see `query_bias`."""
        self._prepare(rows[np.isnan(self._biases[rows])], self._measure_biases)
        biases: LogOdds = self._biases[rows]
        return biases

    def turned(self, rows: Rows) -> PdqBits:
        """Return the PDQ of some pieces in eight orientations, (m, 8, 32)."""
        self._prepare(rows[~self._is_turned[rows]], self._turn)
        turned: PdqBits = self._turned[rows]
        return turned

    def _prepare(self, lacking: Rows, prepare: Callable[[Rows], None]) -> None:
        """Compute what some pieces lack, each once."""
        if len(lacking):
            lacking = distinct(lacking)
            parts = np.split(lacking, range(_STEP, len(lacking), _STEP))
            with ThreadPoolExecutor(self._threads) as pool:
                for _ in pool.map(prepare, parts):
                    pass

    def _measure_biases(self, rows: Rows) -> None:
        traits = self._traits
        biases = query_bias(self.embeddings[rows], traits.background, traits.fusion.bias)
        self._biases[rows] = biases

    def _turn(self, rows: Rows) -> None:
        self._turned[rows] = turn_hashes(self.pdqs[rows])
        self._is_turned[rows] = True

    def cross(self, left: Rows, right: Rows) -> tuple[Rows, Rows, Rows]:
        """Return each piece of some images with each of their partners'.

        Parameters
        ----------
        left, right : ndarray of shape (m,), int64
            Rows of images.

        Returns
        -------
        pairs : ndarray of shape (q,), int64
            Which of the m pairs each is of, ascending.
        ours, theirs : ndarray of shape (q,), int64
            Rows of pieces.
        """
        wide = self.counts[right]
        sizes = self.counts[left] * wide
        pairs = np.repeat(np.arange(len(left)), sizes)
        place = np.arange(len(pairs)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        ours = self._by_owner[self._ends[left][pairs] + place // wide[pairs]]
        theirs = self._by_owner[self._ends[right][pairs] + place % wide[pairs]]
        return pairs, ours, theirs
