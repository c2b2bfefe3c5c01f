"""Evidence that two stored images show one picture, for many pairs at once."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from indexer.clustering.families.candidate_pairs import PiecePairs
from indexer.clustering.families.piece_table import ORIENTATIONS, PieceTable, Rows
from indexer.types import Fusion, LogOdds, cost_of, count_comparisons, distinct

_UNMEASURED: Final = 257  # bits, one more than there are
_PIECES: Final = 8192  # pairs of pieces compared at a time
_IMAGES: Final = 2048  # pairs of images compared at a time
_ResultT = TypeVar("_ResultT")


@dataclass(frozen=True, slots=True)
class ImagePairs:
    """Pairs of images, and how much speaks for each; all arrays are (m,)."""

    left: Rows  # rows of images
    right: Rows  # rows of images, each greater than the left one
    log_odds: LogOdds  # of the best two pieces, with the comparisons counted
    left_whole: LogOdds  # the same where the piece of the left image is the whole of it
    right_whole: LogOdds
    bits: NDArray[np.int64]  # least PDQ distance of any two pieces; above 256 where unknown
    whole_bits: NDArray[np.int64]  # PDQ distance of both wholes; above 256 where unknown

    def __len__(self) -> int:
        return len(self.left)

    def joined(self, others: "ImagePairs") -> "ImagePairs":
        """Return these pairs and others."""
        names = [field.name for field in fields(self)]
        both = (np.concatenate([getattr(self, n), getattr(others, n)]) for n in names)
        return ImagePairs(*both)

    def at(self, chosen: NDArray[np.bool_] | Rows) -> "ImagePairs":
        """Return some of the pairs."""
        return ImagePairs(
            self.left[chosen],
            self.right[chosen],
            self.log_odds[chosen],
            self.left_whole[chosen],
            self.right_whole[chosen],
            self.bits[chosen],
            self.whole_bits[chosen],
        )


class PairEvidence:
    """Weighs pairs by the fusion of their space, as the matcher weighs a query.

    Neither image of a pair asks, so the mean of both biases is taken off their cosine, and the
    comparisons are those of the image with more pieces.

    Parameters
    ----------
    table : PieceTable
    fusion : Fusion
    stored : int, optional
        Pieces that are searched, where the table has only some of them.
    threads : int
        Cores that are used.
    """

    def __init__(
        self, table: PieceTable, fusion: Fusion, stored: int | None = None, *, threads: int = 1
    ) -> None:
        self._table = table
        self._fusion = fusion
        self._threads = threads
        most = int(table.counts.max(initial=1))
        self._costs: Final = np.array(
            [
                cost_of(count_comparisons(stored or len(table), pieces, ORIENTATIONS))
                for pieces in range(1, most + 1)
            ],
            np.float32,
        )

    def likely(self, pieces: PiecePairs, least: LogOdds, max_bits: float) -> tuple[Rows, Rows]:
        """Return the pairs of images of which a pair of pieces is near enough.

        Parameters
        ----------
        pieces : PiecePairs
            In any order; those of one image are passed over.
        least : ndarray of shape (n,), float32
            Log-odds in nats, with the comparisons counted; of both images the greater.
        max_bits : float
            PDQ distance up to which pieces are near whatever their log-odds.

        Returns
        -------
        left, right : ndarray of shape (m,), int64
            Rows of images, each pair once, the lower first, ascending.
        """
        self._prepare(pieces.ours, pieces.theirs)

        def look(part: slice) -> Rows:
            ours, theirs, cosines = pieces
            some = PiecePairs(ours[part], theirs[part], cosines[part])
            return self._enough(some, least, max_bits)

        found = self._in_parts(look, len(pieces.ours), _PIECES)
        keys = distinct(np.concatenate([np.zeros(0, np.int64), *found]))
        return keys // self._table.images, keys % self._table.images

    def _enough(self, pieces: PiecePairs, least: LogOdds, max_bits: float) -> Rows:
        """Return keys of the pairs of images of which a pair of pieces is near enough."""
        owners = self._table.owners
        apart = owners[pieces.ours] != owners[pieces.theirs]
        one, other, cosines = (each[apart] for each in pieces)
        weights, bits = self._weigh(one, other, cosines)
        left, right = owners[one], owners[other]
        enough = weights - self._cost(left, right) >= np.maximum(least[left], least[right])
        enough |= bits <= max_bits
        low, high = np.sort([left[enough], right[enough]], axis=0)
        return distinct(low * self._table.images + high)

    def _prepare(self, ours: Rows, theirs: Rows) -> None:
        """Compute at once what the parts below ask for."""
        self._table.biases(distinct(np.concatenate([ours, theirs])))
        self._table.turned(distinct(ours))

    def _in_parts(
        self, do: Callable[[slice], _ResultT], length: int, step: int
    ) -> Iterator[_ResultT]:
        """Do something for some at a time, by several threads; results come in order."""
        parts = [slice(start, start + step) for start in range(0, length, step)]
        with ThreadPoolExecutor(self._threads) as pool:
            yield from pool.map(do, parts)

    def compare(self, left: Rows, right: Rows) -> ImagePairs:
        """Compare each piece of some images with each of their partners'.

        Parameters
        ----------
        left, right : ndarray of shape (m,), int64
            Rows of images, none with itself.
        """
        shape = len(left)
        weights = np.empty((3, shape), np.float32)
        bits = np.empty((2, shape), np.int64)
        pieces = np.flatnonzero(np.isin(self._table.owners, np.concatenate([left, right])))
        self._prepare(pieces, pieces)

        def compare(part: slice) -> None:
            weights[:, part], bits[:, part] = self._compare(left[part], right[part])

        for _ in self._in_parts(compare, shape, _IMAGES):
            pass
        weights -= self._cost(left, right)
        any_piece, left_whole, right_whole = weights
        return ImagePairs(left, right, any_piece, left_whole, right_whole, bits[0], bits[1])

    def _compare(self, left: Rows, right: Rows) -> tuple[LogOdds, NDArray[np.int64]]:
        """Return the weights of any pieces, left whole and right whole; the bits of any, wholes."""
        pairs, ours, theirs = self._table.cross(left, right)
        weights, bits = np.empty(len(pairs), np.float32), np.empty(len(pairs), np.int64)
        for start in range(0, len(pairs), _PIECES):
            part = slice(start, start + _PIECES)
            cosines = self._cosines(ours[part], theirs[part])
            weights[part], bits[part] = self._weigh(ours[part], theirs[part], cosines)
        wholes = ours < self._table.images, theirs < self._table.images
        firsts = np.searchsorted(pairs, np.arange(len(left)))
        each = np.stack([weights, *(np.where(whole, weights, -np.inf) for whole in wholes)])
        whole_bits = np.where(wholes[0] & wholes[1], bits, _UNMEASURED)
        least = np.minimum.reduceat(np.stack([bits, whole_bits]), firsts, axis=1)
        return np.maximum.reduceat(each, firsts, axis=1), least

    def _cosines(self, ours: Rows, theirs: Rows) -> NDArray[np.float32]:
        embeddings = self._table.embeddings
        cosines: NDArray[np.float32] = np.einsum("ij,ij->i", embeddings[ours], embeddings[theirs])
        return np.clip(cosines, -1, 1)

    def _weigh(
        self, ours: Rows, theirs: Rows, cosines: NDArray[np.float32]
    ) -> tuple[LogOdds, NDArray[np.int64]]:
        """Return log-odds before the comparisons, and the bits, of pairs of pieces."""
        table = self._table
        unmeasured = np.flatnonzero(np.isnan(cosines))
        if len(unmeasured):
            cosines = cosines.copy()
            cosines[unmeasured] = self._cosines(ours[unmeasured], theirs[unmeasured])
        normalised = cosines - (table.biases(ours) + table.biases(theirs)) / 2
        turned, upright = table.turned(ours), table.pdqs[theirs][:, np.newaxis]
        differing = turned.view(np.uint64) ^ upright.view(np.uint64)
        bits = np.bitwise_count(differing).sum(axis=2, dtype=np.int64).min(axis=1)
        bits[~(table.hashed[ours] & table.hashed[theirs])] = _UNMEASURED
        return self._fusion.weigh(normalised, bits), bits

    def _cost(self, left: Rows, right: Rows) -> LogOdds:
        counts = self._table.counts
        costs: LogOdds = self._costs[np.maximum(counts[left], counts[right]) - 1]
        return costs
