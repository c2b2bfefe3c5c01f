"""Score histogram of strangers, in memory that does not grow with the number of comparisons."""

from collections.abc import Callable
from dataclasses import dataclass
from math import floor
from typing import Final

import numpy as np
from numpy.typing import NDArray

from indexer.thresholds.pairwise_scores import Closeness, Measure
from indexer.thresholds.picture_matrix import Pictures
from indexer.thresholds.scales import Scale, scale_of

_ROWS: Final = 128  # queries of a block
_COLUMNS: Final = 4096  # references of a block: 2 MB of float32, so that a block stays in the cache
LEAST_TAIL: Final = 20  # pairs, to be looked at
_NONE: Final = np.float32(-np.inf)  # closeness of nothing

Counts = NDArray[np.int64]
"""(bins,) int64."""


@dataclass(frozen=True, slots=True)
class ScoreHistogram:
    """How n queries scored against m references, and the closest of the pairs."""

    scale: Scale
    is_square: bool  # whether queries and references are the same pictures
    references: int  # m
    comparisons: int  # pairs of strangers
    histogram: Counts  # comparisons by closeness
    best: NDArray[np.float32]  # (n, 2): the two closest references' closeness, -inf where none
    partner: NDArray[np.int64]  # (n,): row of the closest reference, -1 where there is none
    tail: NDArray[np.float32]  # (t,): closeness of the closest pairs, highest first
    tail_queries: NDArray[np.int64]  # (t,): their rows
    tail_references: NDArray[np.int64]  # (t,)

    @property
    def queries(self) -> int:
        """How many queries there are."""
        return len(self.best)

    @property
    def uploads(self) -> Counts:
        """Queries by the closeness of their closest reference, (bins,) int64."""
        best = self.best[:, 0]
        return np.bincount(_bins(best[best > _NONE], self.scale), minlength=self.scale.bins)


def count_scores(
    measure: Measure,
    queries: Pictures,
    references: Pictures,
    *,
    highest_rate: float,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> ScoreHistogram:
    """Compare all queries with all references, block by block.

    Parameters
    ----------
    measure : Measure
    queries : Pictures
        The innocent ones.
    references : Pictures
        The same object as `queries` when each picture is compared with the others.
    highest_rate : float
        Share of the comparisons whose scores are kept one by one: the tail. `LEAST_TAIL` are kept
        in any case.
    on_progress : callable
        Called with the number of queries done, and of all.
    """
    counter = _Counter(measure, len(queries), floor(highest_rate * len(queries) * len(references)))
    for start in range(0, len(queries), _ROWS):
        rows = slice(start, start + _ROWS)
        some = queries.take(rows)
        for column in range(0, len(references), _COLUMNS):
            others = references.take(slice(column, column + _COLUMNS))
            counter.add(*measure.compare(some, others), start, column)
        on_progress(min(start + _ROWS, len(queries)), len(queries))
    return counter.finish(len(references), is_square=queries is references)


class _Counter:
    """The running counts."""

    def __init__(self, measure: Measure, queries: int, tail: int) -> None:
        self._scale = scale_of(measure.signal)
        self._histogram = np.zeros(self._scale.bins, np.int64)
        self._best = np.full((queries, 2), _NONE)
        self._partner = np.full(queries, -1, np.int64)
        # Two more than asked for: one that the bound leaves out, one for rounding.
        self._tail = _Tail(max(tail + 2, LEAST_TAIL))

    def add(
        self, closeness: Closeness, strangers: NDArray[np.bool_], first_row: int, first_column: int
    ) -> None:
        """Count a block that begins at this row and column."""
        self._histogram += np.bincount(
            _bins(closeness[strangers], self._scale), minlength=self._scale.bins
        )
        closeness = np.where(strangers, closeness, _NONE)
        self._keep_best(closeness, first_row, first_column)
        rows, columns = np.nonzero(closeness >= self._tail.lowest)
        self._tail.add(closeness[rows, columns], rows + first_row, columns + first_column)

    def finish(self, references: int, *, is_square: bool) -> ScoreHistogram:
        """Return the counts."""
        closest, rows, columns = self._tail.sorted()
        return ScoreHistogram(
            scale=self._scale,
            is_square=is_square,
            references=references - is_square,
            comparisons=int(self._histogram.sum()),
            histogram=self._histogram,
            best=self._best,
            partner=self._partner,
            tail=closest,
            tail_queries=rows,
            tail_references=columns,
        )

    def _keep_best(self, closeness: Closeness, first_row: int, first_column: int) -> None:
        """Keep the two closest references of each query, and which is the closest."""
        rows = slice(first_row, first_row + len(closeness))
        columns = closeness.argmax(axis=1)
        two = np.partition(closeness, -2, axis=1)[:, -2:] if closeness.shape[1] > 1 else closeness
        joined = np.sort(np.concatenate([self._best[rows], two], axis=1), axis=1)[:, :-3:-1]
        is_closer = joined[:, 0] > self._best[rows, 0]
        self._partner[rows] = np.where(is_closer, columns + first_column, self._partner[rows])
        self._best[rows] = joined


class _Tail:
    """The closest pairs so far, `most` of them."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._blocks: list[tuple[Closeness, NDArray[np.int64], NDArray[np.int64]]] = []
        self._held = 0
        self.lowest = np.nextafter(_NONE, np.float32(0))
        """Nothing less close is kept."""

    def add(
        self, closeness: NDArray[np.float32], rows: NDArray[np.int64], columns: NDArray[np.int64]
    ) -> None:
        self._blocks.append((closeness, rows, columns))
        self._held += len(closeness)
        if self._held > 2 * self._most + _ROWS * _COLUMNS:
            self._shrink()

    def sorted(self) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]]:
        """Return the pairs, closest first; ties in the order of their rows."""
        self._shrink()
        return self._blocks[0]

    def _shrink(self) -> None:
        closeness, rows, columns = (
            np.concatenate([block[part] for block in self._blocks]) for part in range(3)
        )
        order = np.lexsort((columns, rows, -closeness))[: self._most]
        self._blocks = [(closeness[order], rows[order], columns[order])]
        self._held = len(order)
        if self._held == self._most:
            self.lowest = closeness[order[-1]]


def _bins(closeness: NDArray[np.float32], scale: Scale) -> NDArray[np.int64]:
    """Return the bin of each score; the outer bins take what lies beyond."""
    steps = np.floor((closeness.astype(np.float64) - scale.low) / scale.bin_width + 1e-9)
    return np.clip(steps, 0, scale.bins - 1).astype(np.int64)
