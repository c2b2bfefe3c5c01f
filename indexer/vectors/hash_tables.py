"""Hash tables: hashes by each of their sixteenths (multi-index hashing), for candidates.

Two hashes that agree in one sixteenth, 16 bits, are compared (Norouzi, Punjani and Fleet 2014). Of
pairs that differ by 31 of 256 bits nine in ten do, of those that differ by 45 every second. FAISS
has the same (`IndexBinaryMultiHash`); it took twice the time and seven times that of reading.
"""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from indexer.errors import SnapshotMismatch
from indexer.types import PdqBits, distinct
from indexer.vectors.base import Sink
from indexer.vectors.knn_graph import Progress

_BYTES: Final = 32
_BITS: Final = 256
_TABLES: Final = 16
_WORDS: Final = 4  # of 64 bits
_DEVIATIONS: Final = 2.5
"""Standard deviations above its share of the reach up to which one word may differ: few pairs at
the reach have more, and seven of eight strangers are then known by one word."""
_KEYS: Final = 2**16
_MOST: Final = 64
"""Hashes of one key that a query is compared with, evenly taken: the same ones for all queries, so
that many copies of one picture are near to the same few, and not all to each other."""
_STEP: Final = 16_384  # queries searched at a time


class HashPairs(NamedTuple):
    """Pairs of hashes within reach, by ascending query."""

    queries: NDArray[np.int64]  # (n,), rows
    rows: NDArray[np.int64]  # (n,), of the hashes that were searched


class HashTables:
    """Hashes in tables, of which those that share a sixteenth with a query are compared.

    Parameters
    ----------
    hashes : ndarray of shape (n, 32), uint8
    """

    def __init__(self, hashes: PdqBits) -> None:
        self._hashes = np.ascontiguousarray(hashes)
        self._words = _words_of(self._hashes)
        self._tables = [_Table.of(keys) for keys in self._hashes.view(np.uint16).T]

    def __len__(self) -> int:
        return len(self._hashes)

    def search(
        self,
        queries: PdqBits,
        *,
        reach: int,
        threads: int = 1,
        on_progress: Progress = lambda _count: None,
    ) -> HashPairs:
        """Find hashes that are near to each query.

        Parameters
        ----------
        queries : ndarray of shape (m, 32), uint8
        reach : int
            The greatest distance in bits.
        threads : int
            Cores that are used.
        on_progress : callable
            Called with the number of queries that are done since the last call; what it raises ends
            the search.
        """
        found = [HashPairs(np.zeros(0, np.int64), np.zeros(0, np.int64))]
        starts = range(0, len(queries), _STEP)
        pool = ThreadPoolExecutor(threads)
        try:
            for start, near in zip(
                starts, pool.map(partial(self._search, queries, reach), starts), strict=True
            ):
                found.append(near)
                on_progress(min(_STEP, len(queries) - start))
        finally:
            pool.shutdown(cancel_futures=True)
        return HashPairs(
            np.concatenate([each.queries for each in found]),
            np.concatenate([each.rows for each in found]),
        )

    def _search(self, queries: PdqBits, reach: int, start: int) -> HashPairs:
        part = np.ascontiguousarray(queries[start : start + _STEP])
        own, found = _words_of(part), []
        share = reach / _BITS
        most = reach / _WORDS + _DEVIATIONS * (_BITS / _WORDS * share * (1 - share)) ** 0.5
        for number, table in enumerate(self._tables):
            asked, rows = table.look_up(part.view(np.uint16)[:, number])
            word = (number // (_TABLES // _WORDS) + 1) % _WORDS  # not the one they agree in
            near = np.bitwise_count(own[word][asked] ^ self._words[word][rows]) <= most
            asked, rows = asked[near], rows[near]
            bits = np.zeros(len(asked), np.int16)
            for ours, theirs in zip(own, self._words, strict=True):
                bits += np.bitwise_count(ours[asked] ^ theirs[rows])
            near = bits <= reach
            found.append(asked[near] * len(self) + rows[near])
        pairs = distinct(np.concatenate(found))
        return HashPairs(start + pairs // max(1, len(self)), pairs % max(1, len(self)))

    def write(self, sink: Sink) -> None:
        """Write the hashes; their tables are made quicker than read."""
        sink.write(self._hashes.tobytes())

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read what `write` wrote.

        Raises
        ------
        SnapshotMismatch
            The file holds something else.
        OSError
            It could not be read.
        """
        data = np.fromfile(path, np.uint8)
        if len(data) % _BYTES:
            raise SnapshotMismatch(f"{path} has {len(data)} bytes, which are not hashes of 32.")
        return cls(data.reshape(-1, _BYTES))


def _words_of(hashes: PdqBits) -> NDArray[np.uint64]:
    """Return the words of hashes, (4, n), each contiguous."""
    return np.ascontiguousarray(hashes.view(np.uint64).T)


class _Table(NamedTuple):
    """The rows of each key of 16 bits."""

    rows: NDArray[np.int32]  # (n,), by key
    ends: NDArray[np.int64]  # (65,537,), where each key's rows begin

    @classmethod
    def of(cls, keys: NDArray[np.uint16]) -> Self:
        rows = np.argsort(keys, kind="stable").astype(np.int32)
        sizes = np.bincount(keys, minlength=_KEYS)
        return cls(rows, np.concatenate([[0], np.cumsum(sizes)]))

    def look_up(self, keys: NDArray[np.uint16]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """Return pairs of a query and a row that have the same key."""
        starts = self.ends[keys]
        sizes = self.ends[keys.astype(np.int64) + 1] - starts
        counts = np.minimum(sizes, _MOST)
        asked = np.repeat(np.arange(len(keys)), counts)
        places = np.arange(len(asked)) - np.repeat(np.cumsum(counts) - counts, counts)
        crowded = (sizes > _MOST)[asked]
        places[crowded] = places[crowded] * sizes[asked[crowded]] // _MOST
        return asked, self.rows[starts[asked] + places]
