"""Table of the pieces of many images, as arrays."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from indexer.images.pdq import turn_hashes
from indexer.store import ScopedPieces
from indexer.types import Embeddings, LogOdds, PdqBits, SpaceTraits, query_bias

Rows = NDArray[np.int64]

_STEP = 4096  # pieces whose bias is measured at a time


@dataclass(frozen=True, slots=True)
class PieceTable:
    """The whole first frames of n images in the rows 0 to n - 1, then their parts."""

    embeddings: Embeddings  # (p, d), unit rows
    biases: LogOdds  # (p,), see `query_bias`
    turned: PdqBits  # (p, 8, 32): PDQ in eight orientations
    hashed: NDArray[np.bool_]  # (p,), whether the PDQ is good enough to be compared
    owners: Rows  # (p,), rows of the images
    by_owner: Rows  # (p,), pieces in the order of their images, the whole of each first
    ends: Rows  # (n + 1,): the pieces of image i are by_owner[ends[i]:ends[i + 1]]

    @classmethod
    def of(cls, scoped: ScopedPieces, min_quality: int, traits: SpaceTraits) -> Self:
        """Prepare the pieces for comparison.

        Parameters
        ----------
        scoped : ScopedPieces
        min_quality : int
            PDQ quality, 0 to 100, below which a picture is too flat to be compared by it.
        traits : SpaceTraits
        """
        embeddings, images = scoped.embeddings, len(scoped.images.ids)
        biases = [
            query_bias(embeddings[start : start + _STEP], traits.background, traits.fusion.bias)
            for start in range(0, len(embeddings), _STEP)
        ]
        return cls(
            embeddings=embeddings,
            biases=np.concatenate([np.zeros(0, np.float32), *biases]),
            turned=turn_hashes(scoped.pdqs),
            hashed=scoped.qualities >= min_quality,
            owners=scoped.owners,
            by_owner=np.argsort(scoped.owners, kind="stable"),
            ends=np.concatenate(
                [[0], np.cumsum(np.bincount(scoped.owners, minlength=images))]
            ).astype(np.int64),
        )

    def __len__(self) -> int:
        return len(self.owners)

    @property
    def images(self) -> int:
        """How many images there are."""
        return len(self.ends) - 1

    @property
    def counts(self) -> Rows:
        """How many pieces each image has, (n,)."""
        return np.diff(self.ends)

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
        ours = self.by_owner[self.ends[left][pairs] + place // wide[pairs]]
        theirs = self.by_owner[self.ends[right][pairs] + place % wide[pairs]]
        return pairs, ours, theirs
