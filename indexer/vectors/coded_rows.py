"""Coded rows: codes in memory nominate, float32 vectors in a mapped file decide.

Codes with a bound on their error prove an answer. Once the last nominee's approximate similarity is
below the k-th best exact one, or below a threshold, by more than that error, no other row can
belong to the answer: it is the one that comparing all vectors gives, ties included. FAISS's range
search of codes takes 10 times a search, so ranges are answered by searches, too, of ever more
nominees.
"""

from typing import Final
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from indexer.errors import SnapshotMismatch
from indexer.types import Completeness, CompletenessKind, Embeddings
from indexer.vectors.base import Sink
from indexer.vectors.codes.base import UNIT_ROUNDOFF, Nominees, SegmentCodes
from indexer.vectors.flat_rows import FlatRows
from indexer.vectors.results import Similarities
from indexer.vectors.segments import Distances, Selection

_FIRST: Final = 128  # nominees of the first search: seldom too few for the 10 nearest
_WIDEN: Final = 4  # how many times more the next search asks for
_SCAN: Final = 8  # from an eighth of all rows on, comparing all of them is quicker


class CodedRows:
    """Vectors of a sealed segment, found by their codes; see `Rows`.

    Parameters
    ----------
    kind : str
        Name of the codes' kind.
    codes : SegmentCodes
    flat : FlatRows
        The same rows in float32.
    """

    def __init__(self, kind: str, codes: SegmentCodes, flat: FlatRows) -> None:
        self.kind = kind
        self.codes = codes
        self.flat = flat
        self._is_proven = bool(np.isfinite(codes.eps))
        self._parts: WeakKeyDictionary[Selection, FlatRows | None] = WeakKeyDictionary()

    def __len__(self) -> int:
        return len(self.flat)

    @property
    def vectors(self) -> Embeddings:
        """The exact vectors, (n, d) float32, mapped."""
        return self.flat.vectors

    @property
    def completeness(self) -> Completeness:
        """What the codes prove."""
        certified, unmeasured = CompletenessKind.CERTIFIED, CompletenessKind.UNMEASURED
        return Completeness(certified if self._is_proven else unmeasured)

    def nearest(
        self, queries: Embeddings, k: int, selection: Selection, *, exact: bool
    ) -> tuple[Distances, NDArray[np.int64]]:
        """Return the distances and rows of the k nearest; see `Rows`."""
        part = self._part(selection)
        if part is not None and selection.rows is not None:
            distances, places = part.nearest(queries, k, Selection(None, len(part)))
            return distances, selection.rows[places]
        if not self._is_proven and exact:
            return self.flat.nearest(queries, k, selection)
        distances = np.full((len(queries), k), np.inf, np.float32)
        rows = np.full((len(queries), k), -1, np.int64)
        pending = np.arange(len(queries))
        fetch = max(_FIRST, 2 * k)
        while len(pending):
            asked = queries[pending]
            if fetch * _SCAN > selection.count:
                distances[pending], rows[pending] = self.flat.nearest(asked, k, selection)
                break
            nominees, similarities, bounds = self._compared(asked, fetch, selection, k=k)
            order = np.argsort(-similarities, axis=1, kind="stable")[:, :k]
            best = np.take_along_axis(similarities, order, axis=1)
            done = bounds < best[:, -1]
            of = pending[done]
            rows[of] = np.take_along_axis(nominees.rows, order, axis=1)[done]
            distances[of] = _distances(best[done])
            pending = pending[~done]
            fetch *= _WIDEN
        return distances, rows

    def up_to(
        self, queries: Embeddings, distance: float, selection: Selection, *, exact: bool
    ) -> tuple[NDArray[np.int64], Distances, NDArray[np.int64]]:
        """Return offsets, distances and rows of all within a distance; see `Rows`."""
        part = self._part(selection)
        if part is not None and selection.rows is not None:
            offsets, found, places = part.up_to(queries, distance, Selection(None, len(part)))
            return offsets, found, selection.rows[places]
        lowest = np.float32(-distance)
        if lowest <= -1 or (exact and not self._is_proven):
            return self.flat.up_to(queries, distance, selection)
        numbers, distances = [np.zeros(0, np.int64)], [np.zeros(0, np.float32)]
        rows = [np.zeros(0, np.int64)]
        pending = np.arange(len(queries))
        fetch = _FIRST
        while len(pending):
            asked = queries[pending]
            if fetch * _SCAN > selection.count:
                offsets, near, found = self.flat.up_to(asked, distance, selection)
                numbers.append(np.repeat(pending, np.diff(offsets)))
                distances.append(near)
                rows.append(found)
                break
            nominees, similarities, bounds = self._compared(
                asked, fetch, selection, lowest=float(lowest)
            )
            done = bounds < lowest
            if not self._is_proven:  # as good as it gets: nominees beyond the threshold came up
                done = similarities.min(axis=1) < lowest
            of, places = np.nonzero((similarities >= lowest) & done[:, None])
            numbers.append(pending[of])
            distances.append(_distances(similarities[of, places]))
            rows.append(nominees.rows[of, places])
            pending = pending[~done]
            fetch *= _WIDEN
        return _grouped(np.concatenate(numbers), distances, rows, len(queries))

    def write(self, sink: Sink) -> None:
        """Write the exact vectors."""
        self.flat.write(sink)

    def _compared(
        self,
        queries: Embeddings,
        fetch: int,
        selection: Selection,
        *,
        k: int = 0,
        lowest: float = -np.inf,
    ) -> tuple[Nominees, Similarities, NDArray[np.floating]]:
        """Return nominees, their exact similarities and what those of all others are below.

        Raises
        ------
        SnapshotMismatch
            A vector is not what its code was made of.
        """
        nominees = self.codes.nominate(queries, fetch, selection.bitmap)
        bounds = np.full(len(queries), -np.inf)
        if self._is_proven:
            bounds = nominees.similarities[:, -1] + _margins(queries, nominees)
        likely = self.likely(queries, nominees, k=k, lowest=lowest)
        return likely, self.compare(queries, likely), bounds

    def likely(
        self, queries: Embeddings, nominees: Nominees, *, k: int = 0, lowest: float = -np.inf
    ) -> Nominees:
        """Return the nominees that may be among the k nearest rows, or above the lowest similarity.

        All are returned if the codes prove nothing. To compare the others, too, would be most of
        the work: each is read from another place of the file.
        """
        if not self._is_proven:
            return nominees
        floors = np.full(len(queries), lowest)
        if k:  # the k-th best is at least the least of any k
            floors = self.flat.similarities_of(queries, nominees.rows[:, :k]).min(axis=1)
        worth = nominees.similarities + _margins(queries, nominees)[:, None] >= floors[:, None]
        width = max(k, 1, int(np.count_nonzero(worth, axis=1).max(initial=0)))  # highest first
        return nominees._replace(
            similarities=nominees.similarities[:, :width],
            rows=np.where(worth, nominees.rows, -1)[:, :width],
        )

    def compare(self, queries: Embeddings, nominees: Nominees) -> Similarities:
        """Return the exact similarities of nominees, (n, k) float32; -inf where there is none.

        Raises
        ------
        SnapshotMismatch
            A vector is not what its code was made of.
        """
        similarities = self.flat.similarities_of(queries, nominees.rows)
        if not self._is_proven:
            return similarities
        present = nominees.rows >= 0
        off = np.zeros(present.shape)
        np.subtract(similarities, nominees.similarities, out=off, where=present, dtype=np.float64)
        wrong = np.abs(off) > _margins(queries, nominees)[:, None]
        if np.any(wrong):
            query, place = np.argwhere(wrong)[0]
            raise SnapshotMismatch(
                f"Row {nominees.rows[query, place]} of a segment of {len(self)} vectors does not "
                "fit its code: a file of the view's snapshot changed after it was written. Run "
                "`lookalike verify`, then `lookalike repair`, and restart this program."
            )
        return similarities

    def _part(self, selection: Selection) -> FlatRows | None:
        """Return a copy of the few rows that are searched again and again; None for other rows.

        It is made at the second search, because many sets of rows are searched but once.
        """
        if selection.rows is None:
            return None
        if selection not in self._parts:
            self._parts[selection] = None
            return None
        part = self._parts[selection]
        if part is None:
            part = self._parts[selection] = FlatRows(self.vectors[selection.rows])
        return part


def _margins(queries: Embeddings, nominees: Nominees) -> NDArray[np.float64]:
    """Return how far an exact and an approximate similarity may differ, for each query, (n,)."""
    # The exact similarities are rounded as well: by d roundings at most (Higham 2002, section 3.1),
    # of lengths that are 1 within 0.001.
    margins: NDArray[np.float64] = nominees.errors + (queries.shape[1] + 2) * UNIT_ROUNDOFF * 1.01
    return margins


def _distances(similarities: Similarities) -> Distances:
    """Return distances of similarities; infinity where there is no row."""
    return np.where(np.isneginf(similarities), np.float32(np.inf), -np.clip(similarities, -1, 1))


def _grouped(
    numbers: NDArray[np.int64],
    distances: list[Distances],
    rows: list[NDArray[np.int64]],
    queries: int,
) -> tuple[NDArray[np.int64], Distances, NDArray[np.int64]]:
    """Order what was found by query; return offsets, distances and rows."""
    order = np.argsort(numbers, kind="stable")
    offsets = np.searchsorted(numbers[order], np.arange(queries + 1))
    return offsets, np.concatenate(distances)[order], np.concatenate(rows)[order]
