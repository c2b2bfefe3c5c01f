"""Segments: the sealed, key-sorted blocks of vectors of an in-memory index."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol
from uuid import uuid4
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from indexer.types import Completeness, Keys, Vectors
from indexer.vectors.base import Bitmap, KeySet, Sink

Distances = NDArray[Any]
"""How far apart, lower is closer: bits (int32), or the negated cosine similarity (float32)."""

COPY_ROWS = 16_384
"""Rows copied at a time, so that a merge needs no second copy of a whole segment in passing."""
_FEW = 200_000
_FEW_SHARE = 0.05
"""Up to so many rows, and so large a share of a segment, their numbers are kept in a selection."""


@dataclass(frozen=True, eq=False, slots=True, weakref_slot=True)
class Selection:
    """The rows of one segment that a search may find."""

    bitmap: Bitmap | None  # None allows every row
    count: int
    rows: NDArray[np.int64] | None = None  # their numbers, ascending, if they are few


class Rows(Protocol):
    """The vectors of one segment inside an engine; never changed once it can be searched."""

    def __len__(self) -> int: ...

    @property
    def vectors(self) -> Vectors:
        """The engine's own memory, (n, d), valid while this object lives."""

    @property
    def completeness(self) -> Completeness:
        """How complete a search is that need not be exact."""

    def nearest(
        self, queries: Vectors, k: int, selection: Selection, *, exact: bool
    ) -> tuple[Distances, NDArray[np.int64]]:
        """Return distances and row numbers, (n, k) each, nearest first; k rows must be selected.

        A search that is not exact may find fewer; then rows are -1 and distances infinite.
        """

    def up_to(
        self, queries: Vectors, distance: float, selection: Selection, *, exact: bool
    ) -> tuple[NDArray[np.int64], Distances, NDArray[np.int64]]:
        """Return offsets (n + 1,), distances and rows of all that are within `distance`."""

    def write(self, sink: Sink) -> None:
        """Write the vectors in the engine's file format."""


@dataclass(frozen=True, eq=False, slots=True)
class Segment:
    """Vectors sealed together: rows ordered by key, and a mask of those that died since."""

    id: str
    keys: Keys  # (n,) int64, ascending
    rows: Rows
    dead: NDArray[np.bool_] | None  # (n,) True where the row no longer counts; None: all live
    live: int
    repeats: bool  # whether a key owns several rows
    _selections: WeakKeyDictionary[KeySet, Selection] = field(default_factory=WeakKeyDictionary)

    def rows_of(self, keys: Keys) -> NDArray[np.int64]:
        """Return the row numbers of some keys (ascending, unique), dead rows included.

        Costs the number of keys times log n: keys above the segment's greatest cost nothing.
        """
        first = np.searchsorted(keys, self.keys[0])
        last = np.searchsorted(keys, self.keys[-1], side="right")
        inside = keys[first:last]
        starts = np.searchsorted(self.keys, inside)
        counts = np.searchsorted(self.keys, inside, side="right") - starts
        before = np.cumsum(counts) - counts
        return np.repeat(starts - before, counts) + np.arange(counts.sum())

    def live_rows(self) -> NDArray[np.int64]:
        """Return the row numbers that count, ascending."""
        return np.arange(len(self.keys)) if self.dead is None else np.flatnonzero(~self.dead)

    def live_rows_of(self, keys: Keys) -> NDArray[np.int64]:
        """Return the row numbers of some keys (ascending, unique) that count."""
        rows = self.rows_of(keys)
        return rows if self.dead is None else rows[~self.dead[rows]]

    def without(self, keys: Keys) -> "Segment":
        """Return this segment with some keys (ascending, unique) dead; itself if it has none."""
        rows = self.live_rows_of(keys)
        if not len(rows):
            return self
        dead = np.zeros(len(self.keys), np.bool_) if self.dead is None else self.dead.copy()
        dead[rows] = True
        live = self.live - len(rows)
        return replace(self, dead=dead, live=live, _selections=WeakKeyDictionary())

    def selection(self, within: KeySet) -> Selection:
        """Return the live rows of a set of keys, remembered as long as the set lives."""
        known = self._selections.get(within)
        if known is None:
            rows = self.live_rows_of(within.keys)
            if len(rows) == self.live:  # a mask that leaves nothing out costs a third more
                known = self.live_selection()
            else:
                allowed = np.zeros(len(self.keys), np.bool_)
                allowed[rows] = True
                few = len(rows) <= min(_FEW, _FEW_SHARE * len(self.keys))
                bitmap = np.packbits(allowed, bitorder="little")
                known = Selection(bitmap, len(rows), rows if few else None)
            self._selections[within] = known
        return known

    def live_selection(self) -> Selection:
        """Return all live rows."""
        bitmap = None if self.dead is None else np.packbits(~self.dead, bitorder="little")
        return Selection(bitmap, self.live)


@dataclass(frozen=True, slots=True)
class Block:
    """Vectors on their way into a segment: row `rows[i]` of `vectors` belongs to `keys[i]`."""

    keys: Keys
    vectors: Vectors
    rows: NDArray[np.int64]


def seal(blocks: Sequence[Block], allocate: Callable[[int], Rows]) -> Segment:
    """Copy blocks of vectors into one new segment.

    Parameters
    ----------
    blocks : sequence of Block
        At least one row altogether, in any order of keys.
    allocate : callable
        Makes an engine's block of that many rows, to be filled here.
    """
    keys = np.concatenate([block.keys for block in blocks])
    order = np.argsort(keys, kind="stable")
    places = np.empty_like(order)
    places[order] = np.arange(len(order))
    rows = allocate(len(keys))
    target = rows.vectors
    done = 0
    for block in blocks:
        for start in range(0, len(block.rows), COPY_ROWS):
            source = block.rows[start : start + COPY_ROWS]
            target[places[done : done + len(source)]] = block.vectors[source]
            done += len(source)
    return sealed(uuid4().hex, keys[order], rows, dead=None)


def sealed(id_: str, keys: Keys, rows: Rows, dead: NDArray[np.bool_] | None) -> Segment:
    """Put a segment together from its parts, keys in ascending order."""
    keys.flags.writeable = False
    live = len(keys) if dead is None else len(keys) - int(np.count_nonzero(dead))
    repeats = bool(np.any(keys[1:] == keys[:-1]))
    return Segment(id_, keys, rows, dead, live, repeats)


def merge_plan(live: Sequence[int]) -> list[slice]:
    """Choose which neighbouring segments become one.

    Neighbours are joined while the older holds less than twice what the newer holds. So each
    segment is at least twice the next, there are at most log2(n) + 1 of them, and a vector is
    copied once each time its segment grows by half: O(log n) times.

    Parameters
    ----------
    live : sequence of int
        Live vectors of each segment, oldest first.

    Returns
    -------
    runs : list of slice
        One for each segment of the result, in order; together they cover `live`.
    """
    runs: list[slice] = []
    sizes: list[int] = []
    for position, size in enumerate(live):
        run, total = slice(position, position + 1), size
        while sizes and sizes[-1] < 2 * total:
            run, total = slice(runs.pop().start, run.stop), sizes.pop() + total
        runs.append(run)
        sizes.append(total)
    return runs


def compact(segments: Sequence[Segment], allocate: Callable[[int], Rows]) -> tuple[Segment, ...]:
    """Merge segments as `merge_plan` says, and rewrite those of which over a quarter is dead."""
    living = [segment for segment in segments if segment.live]
    result = []
    for run in merge_plan([segment.live for segment in living]):
        members = living[run]
        if len(members) == 1 and 4 * members[0].live >= 3 * len(members[0].keys):
            result.append(members[0])
        else:
            result.append(merge(members, allocate))
    return tuple(result)


def erase(
    segments: Sequence[Segment], keys: Keys, allocate: Callable[[int], Rows]
) -> tuple[Segment, ...]:
    """Rewrite the segments that hold rows of some keys (ascending, unique), dead or live."""
    result = []
    for segment in segments:
        if not len(segment.rows_of(keys)):
            result.append(segment)
        elif (rest := segment.without(keys)).live:
            result.append(merge([rest], allocate))
    return tuple(result)


def merge(segments: Sequence[Segment], allocate: Callable[[int], Rows]) -> Segment:
    """Copy what lives in some segments, at least one vector, into a new one."""
    blocks = []
    for segment in segments:
        rows = segment.live_rows()
        blocks.append(Block(segment.keys[rows], segment.rows.vectors, rows))
    return seal(blocks, allocate)
