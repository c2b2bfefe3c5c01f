"""Table of the pieces of many images, as arrays."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from indexer.images.pdq import turn_hashes
from indexer.store import ScopedPieces
from indexer.types import Embeddings, LogOdds, PdqBits, SpaceTraits, query_bias

Rows = NDArray[np.int64]

_STEP: Final = 4096  # pieces prepared at a time
_ORIENTATIONS: Final = 8


class PieceTable:
    """The whole first frames of n images in the rows 0 to n - 1, then their parts: p pieces.

    What takes long to know of a piece is computed for those that are asked for.

    Parameters
    ----------
    scoped : ScopedPieces
    min_quality : int
        PDQ quality, 0 to 100, below which a picture is too flat to be compared by it.
    traits : SpaceTraits
    """

    def __init__(self, scoped: ScopedPieces, min_quality: int, traits: SpaceTraits) -> None:
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
        self._prepared: Final = np.zeros(pieces, np.bool_)
        self._biases: Final = np.zeros(pieces, np.float32)
        self._turned: Final = np.zeros((pieces, _ORIENTATIONS, scoped.pdqs.shape[1]), np.uint8)

    def __len__(self) -> int:
        return len(self.owners)

    def biases(self, rows: Rows) -> LogOdds:
        """Return how alike some pieces are to unrelated pictures, see `query_bias`."""
        self._prepare(rows)
        biases: LogOdds = self._biases[rows]
        return biases

    def turned(self, rows: Rows) -> PdqBits:
        """Return the PDQ of some pieces in eight orientations, (m, 8, 32)."""
        self._prepare(rows)
        turned: PdqBits = self._turned[rows]
        return turned

    def _prepare(self, rows: Rows) -> None:
        lacking = np.unique(rows[~self._prepared[rows]])
        for start in range(0, len(lacking), _STEP):
            some = lacking[start : start + _STEP]
            traits = self._traits
            self._biases[some] = query_bias(
                self.embeddings[some], traits.background, traits.fusion.bias
            )
            self._turned[some] = turn_hashes(self.pdqs[some])
            self._prepared[some] = True

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
