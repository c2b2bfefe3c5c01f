"""Segmented index: a log-structured merge of sealed segments (as in Lucene)."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from indexer.errors import InputError, SnapshotMismatch
from indexer.types import EXACT, Completeness, Keys, Vectors
from indexer.vectors.base import FileKeeper, KeySet, SegmentRecord, Sink
from indexer.vectors.segment_search import nearest, up_to
from indexer.vectors.segments import Block, Distances, Rows, Segment, compact, erase, seal, sealed


class SegmentedIndex(ABC):
    """What the float and the binary index share: everything but the engine's own arithmetic.

    What can be searched is immutable: a tuple of segments, swapped whole. So a search needs no
    lock, sees an `add` or `remove` entirely or not at all, and never sees it half done.

    Parameters
    ----------
    dimension : int
        Length of every vector: floats or bits.
    """

    metric: ClassVar[str]
    _no_distance: ClassVar[
        np.float32 | np.int32
    ]  # larger than any distance, and of the distances' type
    _suffix: ClassVar[str]  # of files of vectors

    def __init__(self, dimension: int) -> None:
        self.dimension = dimension
        self._segments: tuple[Segment, ...] = ()
        self._changing = threading.Lock()
        self._erasures = 0  # so far, counted under the lock

    @property
    def segments(self) -> tuple[Segment, ...]:
        """The sealed segments, oldest first, each at least twice the size of the next."""
        return self._segments

    def __len__(self) -> int:
        return sum(segment.live for segment in self._segments)

    def keys(self) -> Keys:
        """Return the live keys, (len(self),) int64, ascending; one for each vector."""
        live = [segment.keys[segment.live_rows()] for segment in self._segments]
        return np.sort(np.concatenate(live)) if live else np.zeros(0, np.int64)

    @property
    def completeness(self) -> Completeness:
        """How complete a search is that need not be exact; see `VectorIndex`."""
        return Completeness.least(EXACT, *(each.rows.completeness for each in self._segments))

    def is_within(self, keys: KeySet) -> bool:
        """Return whether every live vector is of these keys; see `VectorIndex`."""
        return all(segment.selection(keys).count == segment.live for segment in self._segments)

    def reconstruct(self, keys: Keys) -> tuple[Keys, Vectors]:
        """Return the live vectors of some keys, ordered by key; see `VectorIndex`."""
        wanted = np.unique(_checked_keys(keys))
        found, vectors = [np.zeros(0, np.int64)], [self._allocate(0).vectors]
        for segment in self._segments:
            rows = segment.live_rows_of(wanted)
            found.append(segment.keys[rows])
            vectors.append(segment.rows.vectors[rows])
        joined = np.concatenate(found)
        order = np.argsort(joined, kind="stable")
        return joined[order], np.concatenate(vectors)[order]

    def add(self, keys: Keys, vectors: Vectors) -> None:
        """Give each key exactly these vectors, in place of any that it had; see `VectorIndex`."""
        keys, vectors = _checked_keys(keys), self._checked(vectors)
        if len(keys) != len(vectors):
            raise InputError(
                f"{len(keys)} keys came with {len(vectors)} vectors. Pass one key for each vector."
            )
        if len(keys):
            added = seal([Block(keys, vectors, np.arange(len(keys)))], self._allocate)
            self._change(np.unique(keys), added)

    def remove(self, keys: Keys) -> None:
        """Remove every vector of these keys; keys that are not there are ignored."""
        gone = np.unique(_checked_keys(keys))
        if len(gone):
            self._change(gone)

    def erase(self, keys: Keys) -> None:
        """Remove keys and rewrite the segments that held their vectors; see `VectorIndex`."""
        gone = np.unique(_checked_keys(keys))
        with self._changing:
            rest = erase(self._segments, gone, self._allocate)
            self._segments = compact(rest, self._allocate)
            self._erasures += 1

    def freeze(self) -> Self:
        """Return an index that shares this one's memory and does not change with it."""
        frozen = self._empty()
        frozen._segments = self._segments  # noqa: SLF001 - of our own class
        return frozen

    @property
    def awaiting_codes(self) -> frozenset[str]:
        """Segments that are to be searched by codes; see `LocalIndex`."""
        return frozenset()

    def accepts(self, segments: Sequence[SegmentRecord]) -> bool:
        """Return whether segments on disk have the codes they should; see `LocalIndex`."""
        return not any(record.codes for record in segments)

    def adopt(self, folder: Path, segments: Sequence[SegmentRecord]) -> None:  # noqa: B027
        """Search by codes what awaits them, which is nothing here; see `LocalIndex`."""

    def improve(self, on_progress: Callable[[], None]) -> bool:
        """Do nothing; see `LocalIndex`."""
        return False

    def is_behind(self, segments: Sequence[SegmentRecord]) -> bool:
        """Return that nothing is missing; see `LocalIndex`."""
        return False

    def mapped_files(self, segments: Sequence[SegmentRecord]) -> frozenset[str]:
        """Return the names of files that are mapped; see `LocalIndex`."""
        return frozenset()

    def save(self, files: FileKeeper) -> list[SegmentRecord]:
        """Write the index into a snapshot; see `LocalIndex`."""
        records = []
        for segment in self._segments:
            files.keep(self._vectors_file(segment.id), segment.rows.write)
            files.keep(_keys_file(segment.id), partial(_write_array, segment.keys))
            if segment.dead is not None:
                files.write(_dead_file(segment.id), partial(_write_array, segment.dead))
            rows, codes = len(segment.keys), self._keep_codes(files, segment)
            records.append(SegmentRecord(segment.id, rows, rows - segment.live, codes))
        return records

    def load(self, folder: Path, segments: Sequence[SegmentRecord]) -> None:
        """Fill an empty index with what `save` wrote; see `LocalIndex`."""
        loaded = []
        for record in segments:
            rows = self._read(folder, record)
            keys = _read_array(folder / _keys_file(record.id))
            dead = _read_array(folder / _dead_file(record.id)) if record.dead else None
            segment = sealed(record.id, keys, rows, dead)
            if not len(keys) == len(rows) == record.rows == record.dead + segment.live:
                raise SnapshotMismatch(
                    f"Segment {record.id} in {folder} holds {len(rows)} vectors, {len(keys)} keys "
                    f"and {segment.live} live rows; its record says {record.rows} vectors of which "
                    f"{record.dead} dead. Delete the folder: the view is rebuilt from the log."
                )
            loaded.append(segment)
        self._segments = tuple(loaded)

    @staticmethod
    def stored_keys(folder: Path, segments: Sequence[SegmentRecord]) -> Keys:
        """Return the keys of all vectors that `save` wrote; see `LocalIndex`."""
        stored = [_read_array(folder / _keys_file(record.id)) for record in segments]
        return np.concatenate([np.zeros(0, np.int64), *stored])

    def _nearest(
        self, queries: Vectors, k: int, within: KeySet | None, *, exact: bool
    ) -> tuple[NDArray[np.int64], Distances]:
        """Return keys and distances, (n, k) each; see `nearest`."""
        if k < 1:
            raise InputError(f"k must be at least 1, got {k}.")
        asked = self._checked(queries)
        return nearest(self._segments, asked, k, within, self._no_distance, exact=exact)

    def _up_to(
        self, queries: Vectors, distance: float, within: KeySet | None, *, exact: bool
    ) -> tuple[NDArray[np.int64], Keys, Distances]:
        """Return offsets, keys and distances; see `up_to`."""
        asked = self._checked(queries)
        offsets, keys, distances = up_to(self._segments, asked, distance, within, exact=exact)
        return offsets, keys, distances.astype(self._no_distance.dtype)

    def _change(self, gone: Keys, *added: Segment) -> None:
        with self._changing:
            self._segments = (*(segment.without(gone) for segment in self._segments), *added)
            # Merging may take seconds; what was asked for can be found before it begins.
            self._segments = compact(self._segments, self._allocate)

    @abstractmethod
    def _checked(self, vectors: Vectors) -> Vectors:
        """Return the vectors as the engine wants them, or raise what `VectorIndex.add` names."""

    @abstractmethod
    def _allocate(self, count: int) -> Rows:
        """Make room for that many vectors, to be filled before it is searched."""

    @abstractmethod
    def _read(self, folder: Path, record: SegmentRecord) -> Rows:
        """Read what `Rows.write` wrote, or raise what `LocalIndex.load` names."""

    def _keep_codes(self, files: FileKeeper, segment: Segment) -> str | None:
        """Write a segment's codes, if it is to have any, and return their kind."""
        return None

    def _empty(self) -> Self:
        """Return an empty index of the same kind."""
        return type(self)(self.dimension)

    def _vectors_file(self, segment: str) -> str:
        return f"segment-{segment}.{self._suffix}"


def _checked_keys(keys: Keys) -> Keys:
    array = np.asarray(keys)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise InputError(
            f"Keys must be whole numbers in one dimension, got {array.dtype} of shape "
            f"{array.shape}. Pass int64 image ids."
        )
    array = array.astype(np.int64)
    if array.size and array.min() < 0:
        raise InputError(f"Keys must not be negative, got {array.min()}.")
    return array


def _keys_file(segment: str) -> str:
    return f"segment-{segment}.keys.npy"


def _dead_file(segment: str) -> str:
    return f"segment-{segment}.dead.npy"


def _write_array(array: NDArray[np.int64] | NDArray[np.bool_], sink: Sink) -> None:
    np.save(sink, array, allow_pickle=False)


def _read_array(path: Path) -> NDArray[Any]:
    try:
        array: NDArray[Any] = np.load(path, allow_pickle=False)
    except ValueError as error:
        raise SnapshotMismatch(f"{path} is not a valid array file: {error}.") from error
    return array
