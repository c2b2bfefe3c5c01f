"""Bank vectors: those of all bank entries in this process, searched exactly beside an engine."""

from threading import Lock
from typing import Final

import numpy as np

from indexer.types import ChangeFeed, Embeddings, Keys
from indexer.vectors import KeySet, SimilarityHits, SimilarityRangeHits
from indexer.vectors.faiss_index import FloatIndex

_PAGE: Final = 8_192  # keys whose vectors are read from the catalog at a time


class BankVectors:
    """An exact index of the images that banks have entries of, kept in step with the catalog.

    It holds whatever a search was restricted to, so that no search waits for an engine or can miss
    an entry because of one. Safe to use from several threads.

    Parameters
    ----------
    feed : ChangeFeed
        Reads vectors from the catalog.
    dimension : int
    """

    def __init__(self, feed: ChangeFeed, dimension: int) -> None:
        self._feed = feed
        self._index = FloatIndex(dimension)
        self._asked = np.zeros(0, np.int64)  # looked up in the catalog, ascending
        self._changing = Lock()
        self._whole: KeySet | None = None  # the set found to be held when it was asked for last

    def __len__(self) -> int:
        return len(self._index)

    def lacks(self, within: KeySet) -> int:
        """Count the keys of a set that a search would have to read first."""
        if within is self._whole:
            return 0
        return len(np.setdiff1d(within.keys, self._asked, assume_unique=True))

    def search(self, queries: Embeddings, k: int, within: KeySet) -> SimilarityHits:
        """Find the k nearest within a set; see `VectorIndex`."""
        self._hold(within)
        return self._index.search(queries, k, within)

    def range_search(
        self, queries: Embeddings, threshold: float, within: KeySet
    ) -> SimilarityRangeHits:
        """Find what is within a set and at the threshold or nearer; see `VectorIndex`."""
        self._hold(within)
        return self._index.range_search(queries, threshold, within)

    def keep(self, keys: Keys) -> None:
        """Hold exactly these keys: read the missing ones, let go of the others."""
        with self._changing:
            self._whole = None
            gone = np.setdiff1d(self._asked, keys)
            self._index.remove(gone)
            self._asked = np.setdiff1d(self._asked, gone)
            self._read(np.setdiff1d(keys, self._asked))

    def renew(self, keys: Keys) -> None:
        """Read those of some keys again that are held: their vectors have changed."""
        with self._changing:
            held = np.intersect1d(keys, self._asked)
            self._index.remove(held)
            self._read(held)

    def _hold(self, within: KeySet) -> None:
        """Read what of a set is not held: an entry that the views have not caught up with."""
        if within is self._whole:
            return
        with self._changing:
            self._read(np.setdiff1d(within.keys, self._asked, assume_unique=True))
            self._whole = within

    def _read(self, keys: Keys) -> None:
        for start in range(0, len(keys), _PAGE):
            page = keys[start : start + _PAGE]
            said = self._feed.look_up(page)
            self._index.add(said.keys, said.vectors)
        self._asked = np.union1d(self._asked, keys)
