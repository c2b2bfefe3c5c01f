"""Approximate search of segments through their inverted lists, re-scored on exact vectors."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from indexer.types import Embeddings, Keys
from indexer.vectors.base import KeySet
from indexer.vectors.coded_rows import CodedRows
from indexer.vectors.inverted_lists.codebook import Codebook, Probes
from indexer.vectors.inverted_lists.list_codes import ListCodes
from indexer.vectors.results import Similarities
from indexer.vectors.segment_search import join_rows, nearest, one_row_a_key, up_to
from indexer.vectors.segments import Segment, Selection

_FIRST: Final = 64  # nominees of a range's first search
_WIDEN: Final = 4  # how many times more the next one asks for
_MOST: Final = 16_384  # nominees of codes that prove nothing
_ROUNDING: Final = 1e-5  # of a similarity to a centroid

_NO_DISTANCE: Final = np.float32(np.inf)


class Probing(NamedTuple):
    """How lists are searched."""

    codebook: Codebook
    probes: int  # lists that each query is looked for in
    shortlist: int = 0  # rows of each segment whose exact vectors are compared; not of ranges


class ListedSegment(NamedTuple):
    """A segment with lists of the codebook that is in use."""

    segment: Segment
    codes: ListCodes
    rows: CodedRows


def divide(
    segments: Sequence[Segment], codebook: Codebook
) -> tuple[list[ListedSegment], list[Segment]]:
    """Return the segments that have lists of a codebook, and the others."""
    listed, others = [], []
    for segment in segments:
        rows = segment.rows
        if (
            isinstance(rows, CodedRows)
            and isinstance(rows.codes, ListCodes)
            and rows.codes.codebook is codebook
        ):
            listed.append(ListedSegment(segment, rows.codes, rows))
        else:
            others.append(segment)
    return listed, others


def nearest_listed(
    segments: Sequence[Segment],
    probing: Probing,
    queries: Embeddings,
    k: int,
    within: KeySet | None,
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Find the k nearest keys of each query, as far as the lists have them.

    Segments without lists, which are small, are compared wholly.

    Parameters
    ----------
    segments : sequence of Segment
    probing : Probing
    queries : ndarray of shape (n, d), float32, unit rows
    k : int
    within : KeySet or None

    Returns
    -------
    keys : ndarray of shape (n, k), int64
        -1 where there is no key.
    distances : ndarray of shape (n, k), float32
        Lowest first, infinite where there is no key.
    """
    listed, others = divide(segments, probing.codebook)
    nearby = probing.codebook.nearest(queries, probing.probes)
    found = []
    for each in listed:
        selection = _selection(each.segment, within)
        if selection.count:
            nominees = each.codes.nominate_from(
                nearby, queries, probing.shortlist, selection.bitmap
            )
            if not each.segment.repeats:
                nominees = each.rows.likely(queries, nominees, k=k)
            similarities = each.rows.compare(queries, nominees)
            found.append((_keys(each.segment, nominees.rows), _distances(similarities)))
    if others or not found:
        found.append(nearest(others, queries, k, within, _NO_DISTANCE))
    keys, distances = found[0]
    if len(found) > 1:
        keys = np.concatenate([part[0] for part in found], axis=1)
        distances = np.concatenate([part[1] for part in found], axis=1)
    if any(segment.repeats for segment in segments):
        distances = one_row_a_key(keys, distances, _NO_DISTANCE)
        keys[np.isinf(distances)] = -1
    order = np.lexsort((keys, distances))[:, :k]
    query = np.arange(len(queries))[:, None]
    return keys[query, order], distances[query, order]


def up_to_listed(
    segments: Sequence[Segment],
    probing: Probing,
    queries: Embeddings,
    distance: float,
    within: KeySet | None,
) -> tuple[NDArray[np.int64], Keys, NDArray[np.float32], NDArray[np.int64]]:
    """Find the keys that are not farther than `distance` from each query.

    A query is looked for in the lists that can hold any: by the triangle inequality of angles, a
    list has nothing within the distance if its centroid is farther than that and its own radius
    together. If they are too many, in the nearest of them, and then the answer may be incomplete.

    Returns
    -------
    offsets : ndarray of shape (n + 1,), int64
        Those of query i are at `offsets[i]:offsets[i + 1]`.
    keys : ndarray of shape (offsets[-1],), int64
    distances : ndarray of shape (offsets[-1],), float32
        Lowest first within a query, ties by key.
    incomplete : ndarray of shape (m,), int64
        Numbers of the queries that may have missed some, ascending.
    """
    listed, others = divide(segments, probing.codebook)
    offsets, found_keys, found = up_to(others, queries, distance, within)
    numbers, keys = [np.repeat(np.arange(len(queries)), np.diff(offsets))], [found_keys]
    distances = [found.astype(np.float32)]
    incomplete = np.zeros(len(queries), np.bool_)
    if listed:
        radii = np.max([each.codes.radii for each in listed], axis=0)
        nearby, incomplete = _lists_within(probing, radii, queries, distance)
        for each in listed:
            selection = _selection(each.segment, within)
            of, rows, similarities, unfinished = _range(each, nearby, queries, -distance, selection)
            numbers.append(of)
            keys.append(each.segment.keys[rows])
            distances.append(_distances(similarities))
            incomplete |= unfinished
    joined = join_rows(
        np.concatenate(numbers), np.concatenate(keys), np.concatenate(distances), len(queries)
    )
    return *joined, np.flatnonzero(incomplete)


def _lists_within(
    probing: Probing,
    radii: NDArray[np.float64],
    queries: Embeddings,
    distance: float,
) -> tuple[Probes, NDArray[np.bool_]]:
    """Return the lists that may hold what is within a distance, and whether they were too many."""
    similarities = probing.codebook.similarities(queries)
    angle = float(np.arccos(np.clip(-distance, -1, 1)))
    least = np.cos(np.minimum(np.pi, angle + radii)) - _ROUNDING
    least[radii < 0] = np.inf  # empty lists
    candidates = np.where(similarities >= least, similarities, -np.inf)
    counts = np.count_nonzero(np.isfinite(candidates), axis=1)
    width = max(1, min(probing.probes, int(counts.max(initial=0))))
    order = np.argsort(-candidates, axis=1, kind="stable")[:, :width]
    chosen = np.take_along_axis(candidates, order, axis=1)
    lists = np.where(np.isfinite(chosen), order, -1)
    return Probes(lists, np.where(lists < 0, np.float32(0), chosen)), counts > probing.probes


def _range(
    listed: ListedSegment,
    nearby: Probes,
    queries: Embeddings,
    lowest: float,
    selection: Selection,
) -> tuple[NDArray[np.int64], NDArray[np.int64], Similarities, NDArray[np.bool_]]:
    """Find what is at a similarity or above in some lists of a segment.

    Returns
    -------
    numbers, rows, similarities : ndarrays of shape (m,)
        Of the queries and of what was found.
    unfinished : ndarray of shape (n,), bool
        Whether some may have been missed in these lists.
    """
    unfinished = np.zeros(len(queries), np.bool_)
    numbers, rows, found = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], []
    found.append(np.zeros(0, np.float32))
    pending = np.arange(len(queries)) if selection.count else np.arange(0)
    fetch = _FIRST
    while len(pending):
        asked = queries[pending]
        probes = Probes(nearby.lists[pending], nearby.similarities[pending])
        nominees = listed.codes.nominate_from(probes, asked, fetch, selection.bitmap)
        likely = listed.rows.likely(asked, nominees, lowest=lowest)
        similarities = listed.rows.compare(asked, likely)
        complete = nominees.rows[:, -1] < 0
        proven = np.isfinite(nominees.errors)
        last = nominees.similarities[:, -1].astype(np.float64)
        complete |= proven & (last + np.where(proven, nominees.errors, 0) < lowest - _ROUNDING)
        done = complete | (~proven & (fetch >= _MOST))
        unfinished[pending[done & ~complete]] = True
        of, places = np.nonzero((similarities >= np.float32(lowest)) & done[:, None])
        numbers.append(pending[of])
        rows.append(likely.rows[of, places])
        found.append(similarities[of, places])
        pending = pending[~done]
        fetch *= _WIDEN
    return np.concatenate(numbers), np.concatenate(rows), np.concatenate(found), unfinished


def _selection(segment: Segment, within: KeySet | None) -> Selection:
    return segment.live_selection() if within is None else segment.selection(within)


def _keys(segment: Segment, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.where(rows < 0, -1, segment.keys[rows])


def _distances(similarities: Similarities) -> NDArray[np.float32]:
    """Return distances of similarities; infinity where there is no row."""
    return np.where(similarities == -np.inf, _NO_DISTANCE, -similarities.clip(-1, 1))
