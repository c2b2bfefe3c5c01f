"""Exact k-nearest and range search over several segments, whose answers are merged."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from indexer.types import Keys, Vectors
from indexer.vectors.base import KeySet
from indexer.vectors.segments import Distances, Segment, Selection

MATRIX_QUERIES = 20
"""From this many queries on FAISS multiplies matrices (its `distance_compute_blas_threshold`),
unless rows are masked: 7 times slower at 256 queries of 1792 floats, measured. So large batches
are searched unmasked, and dead rows dropped afterwards."""
WIDEN = 4
"""How many times more rows are fetched for queries that one fetch leaves undecided."""


def nearest(
    segments: Sequence[Segment],
    queries: Vectors,
    k: int,
    within: KeySet | None,
    no_distance: np.float32 | np.int32,
    *,
    exact: bool = True,
) -> tuple[NDArray[np.int64], Distances]:
    """Find the k nearest keys of each query.

    Keys that tie are ordered by key even where only some of them fit into k, however they are
    spread over segments. To that end a query is decided only when k keys are strictly nearer
    than any row that was not fetched; the undecided ones fetch more.

    Parameters
    ----------
    segments : sequence of Segment
    queries : ndarray of shape (n, d)
    k : int
    within : KeySet or None
    no_distance : scalar of the distances' type
        Larger than any distance; stands where there is no key.
    exact : bool
        Whether nothing may be missed.

    Returns
    -------
    keys : ndarray of shape (n, k), int64
        -1 where there is no key.
    distances : ndarray of shape (n, k)
        Lowest first.
    """
    found_keys = np.full((len(queries), k), -1, np.int64)
    found_distances: Distances = np.full((len(queries), k), no_distance)
    undecided = np.arange(len(queries)) if segments else np.arange(0)
    masked = len(queries) < MATRIX_QUERIES
    fetch = k + 1
    while len(undecided):
        asked = queries[undecided]
        parts = [
            _fetch(s, asked, fetch, _selection(s, within, masked=masked), no_distance, exact=exact)
            for s in segments
        ]
        keys = np.concatenate([part[0] for part in parts], axis=1)
        distances = np.concatenate([part[1] for part in parts], axis=1)
        unseen = np.min([part[2] for part in parts], axis=0)
        if any(segment.repeats for segment in segments):
            distances = one_row_a_key(keys, distances, no_distance)
        keys[distances == no_distance] = -1
        enough = np.count_nonzero(distances < unseen[:, None], axis=1) >= k
        decided = enough | (unseen == no_distance)
        order = np.lexsort((keys[decided], distances[decided]))[:, :k]
        width = order.shape[1]
        found_keys[undecided[decided], :width] = np.take_along_axis(keys[decided], order, axis=1)
        found_distances[undecided[decided], :width] = np.take_along_axis(
            distances[decided], order, axis=1
        )
        undecided = undecided[~decided]
        masked = True
        fetch *= WIDEN
    return found_keys, found_distances


def up_to(
    segments: Sequence[Segment],
    queries: Vectors,
    distance: float,
    within: KeySet | None,
    *,
    exact: bool = True,
) -> tuple[NDArray[np.int64], Keys, Distances]:
    """Find every key that is not farther than `distance` from each query.

    Returns
    -------
    offsets : ndarray of shape (n + 1,), int64
        Those of query i are at `offsets[i]:offsets[i + 1]`.
    keys : ndarray of shape (offsets[-1],), int64
    distances : ndarray of shape (offsets[-1],)
        Lowest first within a query, ties by key.
    """
    masked = len(queries) < MATRIX_QUERIES
    numbers, keys, distances = [], [], []
    for segment in segments:
        selection = _selection(segment, within, masked=masked)
        offsets, found, rows = segment.rows.up_to(queries, distance, selection, exact=exact)
        number = np.repeat(np.arange(len(queries)), np.diff(offsets))
        if segment.dead is not None and selection.bitmap is None:
            live = ~segment.dead[rows]
            number, found, rows = number[live], found[live], rows[live]
        numbers.append(number)
        keys.append(segment.keys[rows])
        distances.append(found)
    if not segments:
        nothing = np.zeros(0, np.int64)
        return np.zeros(len(queries) + 1, np.int64), nothing, nothing
    return join_rows(
        np.concatenate(numbers), np.concatenate(keys), np.concatenate(distances), len(queries)
    )


def _selection(segment: Segment, within: KeySet | None, *, masked: bool) -> Selection:
    if within is not None:
        return segment.selection(within)
    return segment.live_selection() if masked else Selection(None, len(segment.keys))


def _fetch(
    segment: Segment,
    queries: Vectors,
    fetch: int,
    selection: Selection,
    no_distance: np.float32 | np.int32,
    *,
    exact: bool,
) -> tuple[NDArray[np.int64], Distances, Distances]:
    """Return keys and distances, (n, w) each, and the least distance of an unfetched row, (n,)."""
    count = min(fetch, selection.count)
    if not count:
        none = (len(queries), 0)
        return (
            np.empty(none, np.int64),
            np.full(none, no_distance),
            np.full(len(queries), no_distance),
        )
    distances, rows = segment.rows.nearest(queries, count, selection, exact=exact)
    unseen: Distances = np.full(len(queries), no_distance)
    if count < selection.count:
        unseen[:] = distances[:, -1]
    if segment.dead is not None and selection.bitmap is None:
        distances[segment.dead[rows]] = no_distance
    return segment.keys[rows], distances, unseen


def one_row_a_key(
    keys: NDArray[np.int64], distances: Distances, no_distance: np.float32 | np.int32
) -> Distances:
    """Return the distances, (n, w), with all but the nearest row of each key put out of reach."""
    order = np.lexsort((distances, keys))
    ordered = np.take_along_axis(keys, order, axis=1)
    again = np.zeros(keys.shape, np.bool_)
    np.put_along_axis(again, order[:, 1:], ordered[:, 1:] == ordered[:, :-1], axis=1)
    return np.where(again, no_distance, distances)


def join_rows(
    numbers: NDArray[np.int64], keys: Keys, distances: Distances, queries: int
) -> tuple[NDArray[np.int64], Keys, Distances]:
    """Order rows by query, distance and key, keeping the nearest of each key and query."""
    order = np.lexsort((distances, keys, numbers))
    first = np.ones(len(order), np.bool_)
    same_query = numbers[order][1:] == numbers[order][:-1]
    first[1:] = ~(same_query & (keys[order][1:] == keys[order][:-1]))
    kept = order[first]
    kept = kept[np.lexsort((keys[kept], distances[kept], numbers[kept]))]
    offsets = np.searchsorted(numbers[kept], np.arange(queries + 1))
    return offsets, keys[kept], distances[kept]
