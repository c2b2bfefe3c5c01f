"""Vector index protocols: what every engine promises."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from indexer.types import Completeness, Keys, Vectors
from indexer.vectors.results import Hits, RangeHits

Bitmap = NDArray[np.uint8]
"""One bit a row, least significant bit first, set where the row may be found."""


class KeySet:
    """An immutable set of keys: a search restricted to it considers nothing else.

    The restriction holds while searching, not afterwards, so k hits come back where the set has
    k keys. Indexes cache what they derive from a set for as long as the object lives: make one
    for each bank and pass the same object again.

    Parameters
    ----------
    keys : iterable of int, or ndarray of shape (n,), int64
        In any order; repeats count once.
    """

    __slots__ = ("__weakref__", "_keys")

    def __init__(self, keys: Iterable[int] | Keys) -> None:
        given = keys if isinstance(keys, np.ndarray) else list(keys)
        self._keys: Keys = np.unique(np.array(given, dtype=np.int64))
        self._keys.flags.writeable = False

    @property
    def keys(self) -> Keys:
        """The members, (n,) int64, ascending, read-only."""
        return self._keys

    def __len__(self) -> int:
        return len(self._keys)

    def __repr__(self) -> str:
        return f"KeySet({len(self)} keys)"


class VectorIndex(Protocol):
    """Vectors by key, searched by one thread or many while one thread changes them.

    A key names an image and may own several vectors (the frames of an animation).
    """

    @property
    def metric(self) -> str:
        """`cosine` or `hamming`."""

    @property
    def dimension(self) -> int:
        """Length of every vector: floats (cosine) or bits (hamming)."""

    def __len__(self) -> int:
        """Count the live vectors."""

    def keys(self) -> Keys:
        """Return the live keys, (len(self),) int64, ascending; one for each vector."""

    @property
    def completeness(self) -> Completeness:
        """How complete a search is that need not be exact."""

    def is_within(self, keys: KeySet) -> bool:
        """Return whether all live vectors are of these keys: a search within them is one of all."""

    def reconstruct(self, keys: Keys) -> tuple[Keys, Vectors]:
        """Return the live vectors of some keys, ordered by key.

        Returns
        -------
        keys : ndarray of shape (m,), int64
            One for each vector; keys that the index does not hold are left out.
        vectors : ndarray of shape (m, d)
            A copy.
        """

    def add(self, keys: Keys, vectors: Vectors) -> None:
        """Give each key exactly these vectors, in place of any that it had.

        Parameters
        ----------
        keys : ndarray of shape (n,), int64
            Not negative; a key may repeat, and then owns several of the vectors.
        vectors : ndarray of shape (n, d), float32 unit rows, or (n, d // 8), uint8

        Raises
        ------
        InputError
            Nothing was added: keys or vectors of another kind, not finite, or not unit length.
        DimensionMismatch
            Nothing was added: vectors of another length.
        """

    def remove(self, keys: Keys) -> None:
        """Remove every vector of these keys; keys that are not there are ignored."""

    def erase(self, keys: Keys) -> None:
        """Remove every vector of these keys so that no snapshot written from now on holds them.

        Those removed before are erased as well. Costs copying what they lie between.
        """

    def search(
        self, queries: Vectors, k: int, within: KeySet | None = None, *, exact: bool = False
    ) -> Hits:
        """Find the k nearest keys of each query; a key counts with its nearest vector.

        Parameters
        ----------
        queries : ndarray of shape (n, d), float32 unit rows, or (n, d // 8), uint8
        k : int
            At least 1; may exceed the number of keys.
        within : KeySet, optional
            Consider only these keys.
        exact : bool
            Whether nothing may be missed; else the answer is as `completeness` says.

        Raises
        ------
        InputError, DimensionMismatch
            As for `add`.
        """

    def range_search(
        self,
        queries: Vectors,
        threshold: float,
        within: KeySet | None = None,
        *,
        exact: bool = False,
    ) -> RangeHits:
        """Find every key at the threshold or nearer.

        Parameters
        ----------
        queries : ndarray of shape (n, d), float32 unit rows, or (n, d // 8), uint8
        threshold : float
            The lowest cosine similarity, or the highest Hamming distance in bits.
        within : KeySet, optional
            Consider only these keys.
        exact : bool
            Whether nothing may be missed; else the answer is as `completeness` says.

        Raises
        ------
        InputError, DimensionMismatch
            As for `add`.
        """


class Sink(Protocol):
    """Where the bytes of one file go."""

    def write(self, data: bytes | memoryview, /) -> int:
        """Write all of `data` and return its length."""


class FileKeeper(Protocol):
    """Where an index puts its files: a snapshot being written."""

    def write(self, name: str, write: Callable[[Sink], None]) -> None:
        """Write a new file."""

    def keep(self, name: str, write: Callable[[Sink], None]) -> None:
        """Take over the file of that name from the snapshot before, or write it.

        Only for files whose content never changes under one name.
        """


@dataclass(frozen=True, slots=True)
class SegmentRecord:
    """What a manifest says of one segment."""

    id: str  # 32 hex digits; the segment's file names begin with it
    rows: int  # vectors in it, dead ones included
    dead: int  # vectors in it that no longer count
    codes: str | None = None  # the kind of its codes, if it has any


class Savable(Protocol):
    """What can be written into a snapshot."""

    def __len__(self) -> int: ...

    def save(self, files: FileKeeper) -> Sequence[SegmentRecord]:
        """Write the index into a snapshot; what an earlier snapshot holds is not written again.

        Raises
        ------
        OSError
            A file could not be written.
        """


class LocalIndex(VectorIndex, Savable, Protocol):
    """A vector index in this process's memory, which its view writes to disk."""

    @property
    def awaiting_codes(self) -> frozenset[str]:
        """Segments that are to be searched by codes once a snapshot holds these."""

    def freeze(self) -> Self:
        """Return an index that shares this one's memory and does not change with it."""

    def accepts(self, segments: Sequence[SegmentRecord]) -> bool:
        """Return whether what `save` wrote has the codes that this index would write."""

    def adopt(self, folder: Path, segments: Sequence[SegmentRecord]) -> None:
        """Search by the codes in a snapshot the segments that await them.

        Raises
        ------
        SnapshotMismatch
            A file does not hold what its record says.
        OSError
            A file could not be read.
        """

    def improve(self, on_progress: Callable[[], None]) -> bool:
        """Make what searches will be quicker by, if it is due; they go on meanwhile.

        May take long. Only one thread at a time may call it.

        Parameters
        ----------
        on_progress : callable
            Called now and then; what it raises ends the work.

        Returns
        -------
        bool
            Whether anything changed.
        """

    def is_behind(self, segments: Sequence[SegmentRecord]) -> bool:
        """Return whether `improve` would make what is there already, in what `save` wrote."""

    def mapped_files(self, segments: Sequence[SegmentRecord]) -> frozenset[str]:
        """Return the names of the files that `load` maps, instead of reading them."""

    def load(self, folder: Path, segments: Sequence[SegmentRecord]) -> None:
        """Fill an empty index with what `save` wrote.

        Raises
        ------
        SnapshotMismatch
            A file does not hold what its record says.
        OSError
            A file could not be read.
        """

    @staticmethod
    def stored_keys(folder: Path, segments: Sequence[SegmentRecord]) -> Keys:
        """Return the keys of all vectors that `save` wrote, dead ones included, unordered.

        Raises
        ------
        SnapshotMismatch
            A file does not hold keys.
        OSError
            A file could not be read.
        """
