"""Canaries: planted stored vectors that every search of a view must find."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from indexer.types import ChangeFeed, Keys, Vectors
from indexer.vectors.base import VectorIndex
from indexer.vectors.recall import closeness_of

PLANTED: Final = 16
"""Vectors that are looked for; together they cost a few milliseconds."""
_NEAREST: Final = 10
_SAME: Final = 1e-4
"""Difference from the greatest closeness up to which a hit counts as the same vector."""


class Canaries:
    """Stored vectors, as the log has them, that are looked for by themselves.

    They are those whose keys have the smallest hash, so every process plants the same, and keeps
    them while the index grows. One that was removed or changed is no longer looked for; when half
    of them are gone, they are planted anew. For use by one thread at a time.
    """

    def __init__(self, feed: ChangeFeed) -> None:
        self._feed = feed
        self._keys: Keys = np.zeros(0, np.int64)
        self._vectors: Vectors = np.zeros((0, 0), np.float32)

    def __len__(self) -> int:
        return len(self._keys)

    @property
    def keys(self) -> Keys:
        """Those that are planted, (n,) int64."""
        return self._keys

    def count_missed(self, index: VectorIndex) -> int:
        """Search an index, caught up with the log, and count the canaries that it does not find.

        One that is crowded out by vectors like it counts as found.
        """
        self._drop_changed()
        if len(self) < min(PLANTED, len(index)) / 2:
            self._plant(index)
        if not len(self):
            return 0
        hits = index.search(self._vectors, _NEAREST)
        own = (hits.keys == self._keys[:, np.newaxis]).any(axis=1)
        greatest = 0.0 if self._vectors.dtype == np.uint8 else 1.0
        crowded = closeness_of(hits)[:, -1] >= greatest - _SAME
        return int(np.count_nonzero(~own & ~crowded))

    def _drop_changed(self) -> None:
        if not len(self):
            return
        said = self._feed.look_up(self._keys)
        kept = [
            bool((said.vectors[said.keys == key] == vector).all(axis=1).any())
            for key, vector in zip(self._keys.tolist(), self._vectors, strict=True)
        ]
        self._keys, self._vectors = self._keys[kept], self._vectors[kept]

    def _plant(self, index: VectorIndex) -> None:
        """Take vectors on which the log and the index agree: it may be a change ahead."""
        keys = index.keys()
        chosen = np.unique(keys[np.argsort(_hashes(keys), kind="stable")[: 4 * PLANTED]])
        chosen = np.sort(chosen[np.argsort(_hashes(chosen), kind="stable")[:PLANTED]])
        logged = self._feed.look_up(chosen)
        held = index.reconstruct(chosen)
        first = _first_of_each(logged.keys, logged.vectors)
        same = {
            key: vector
            for key, vector in first.items()
            if (held[1][held[0] == key] == vector).all(axis=1).any()
        }
        self._keys = np.array(list(same), np.int64)
        self._vectors = np.stack(list(same.values())) if same else index.reconstruct(self._keys)[1]


def _first_of_each(keys: Keys, vectors: Vectors) -> dict[int, Vectors]:
    unique, first = np.unique(keys, return_index=True)
    return dict(zip(unique.tolist(), vectors[first], strict=True))


def _hashes(keys: Keys) -> NDArray[np.uint64]:
    """Mix the bits of keys (the finaliser of SplitMix64, Steele et al. 2014)."""
    mixed = keys.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
