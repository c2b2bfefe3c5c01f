"""Range search: stored images within reach of entries, by each signal."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, cast

import numpy as np
from numpy.typing import NDArray

from indexer.matching.pieces import Pieces
from indexer.thresholds import Thresholds
from indexer.types import Embeddings, Fusion, Keys, PdqBits, cost_of
from indexer.vector_views import Views
from indexer.vectors import DistanceRangeHits, RangeHits, VectorIndex

_ROUNDING: Final = 1e-4  # by which a cosine may differ from one that is computed otherwise

Pair = tuple[int, int]
"""A stored image and an entry, by id."""


@dataclass(frozen=True, slots=True)
class Bar:
    """What a pair must reach to be worth judging: never more than the judgement will ask."""

    bounds: Thresholds
    fusion: Fusion
    comparisons: int  # at least so many are taken off by the judgement

    def least_similarity(self, pdq: float) -> float:
        """Return the least cosine that reaches the bound with `pdq` nats of PDQ beside it.

        An image may have no bias at all, so none is taken off.
        """
        return self.fusion.least_similarity(self.bounds.lookalike.value, self.comparisons, pdq)


def near_by_embedding(views: Views, bar: Bar, pieces: Mapping[int, Pieces]) -> Iterator[Pair]:
    """Yield what is within the bound by its embedding, where PDQ adds next to nothing.

    Parameters
    ----------
    views : Views
    bar : Bar
    pieces : mapping of int to Pieces
        The pieces of the entries that are images, by entry id.
    """
    beyond = float(bar.fusion.of_pdq(bar.fusion.pdq_reach + 1))
    least = bar.least_similarity(max(beyond, 0.0))  # a flat picture's says 0
    if not pieces or least > 1:
        return
    queries = np.concatenate([of.embeddings for of in pieces.values()])
    hits = views.embeddings.index.range_search(queries, max(least - _ROUNDING, -1.0), exact=True)
    owners = _owners(hits, {entry_id: len(of.embeddings) for entry_id, of in pieces.items()})
    yield from zip(hits.keys.tolist(), owners.tolist(), strict=True)


def near_by_pdq(views: Views, bar: Bar, fingerprints: Mapping[int, PdqBits]) -> Iterator[Pair]:
    """Yield what is within the bound of PDQ.

    Parameters
    ----------
    views : Views
    bar : Bar
    fingerprints : mapping of int to ndarray of shape (n, 32), uint8
        By entry id.
    """
    keys, owners, _ = _search_pdq(views, bar.bounds.pdq.value, fingerprints)
    yield from zip(keys.tolist(), owners.tolist(), strict=True)


def near_by_both(views: Views, bar: Bar, pieces: Mapping[int, Pieces]) -> Iterator[Pair]:
    """Yield what neither signal alone brings up, and both together may.

    Many strangers are within PDQ's reach. Their embeddings, too, are at hand in the view, and tell
    nearly all of them apart before anything is read from the catalog.
    """
    keys, owners, distances = _search_pdq(
        views, bar.fusion.pdq_reach, {entry_id: of.pdq for entry_id, of in pieces.items()}
    )
    beyond = distances > bar.bounds.pdq.value
    for entry_id in np.unique(owners[beyond]).tolist():
        of_entry = beyond & (owners == entry_id)
        images, places = np.unique(keys[of_entry], return_inverse=True)
        least = np.full(len(images), bar.fusion.pdq_reach, np.int64)
        np.minimum.at(least, places, distances[of_entry])
        cosines = _greatest_cosines(views.embeddings.index, images, pieces[entry_id].embeddings)
        weights = bar.fusion.weigh(cosines + _ROUNDING, least) - cost_of(bar.comparisons)
        worth = weights >= bar.bounds.lookalike.value - _ROUNDING
        yield from ((image_id, entry_id) for image_id in images[worth].tolist())


def _greatest_cosines(
    index: VectorIndex, images: Keys, embeddings: Embeddings
) -> NDArray[np.float32]:
    """Return the greatest cosine of any piece of each image to any embedding; -1 without one.

    Parameters
    ----------
    index : VectorIndex
        The embeddings.
    images : ndarray of shape (n,), int64
        Ascending, each once.
    embeddings : ndarray of shape (m, d), float32, unit rows
    """
    greatest = np.full(len(images), -1, np.float32)
    keys, vectors = index.reconstruct(images)
    if len(keys):
        cosines = (embeddings @ vectors.T).max(axis=0)
        np.maximum.at(greatest, np.searchsorted(images, keys), cosines)
    return greatest


def _search_pdq(
    views: Views, most: float, fingerprints: Mapping[int, PdqBits]
) -> tuple[Keys, NDArray[np.int64], NDArray[np.int64]]:
    """Return images, entries and distances in bits, (n,) int64 each, of all pairs within `most`."""
    queries = np.concatenate([np.zeros((0, 32), np.uint8), *fingerprints.values()])
    if not len(queries):
        nothing = np.zeros(0, np.int64)
        return nothing, nothing, nothing
    hits = cast("DistanceRangeHits", views.pdqs.index.range_search(queries, most, exact=True))
    owners = _owners(hits, {entry_id: len(bits) for entry_id, bits in fingerprints.items()})
    return hits.keys, owners, hits.distances.astype(np.int64)


def _owners(hits: RangeHits, rows: Mapping[int, int]) -> NDArray[np.int64]:
    """Return whose query each hit is of; `rows` counts the queries of each owner, in order."""
    of_query = np.repeat(np.array([*rows], np.int64), np.array([*rows.values()], np.int64))
    return np.repeat(of_query, np.diff(hits.offsets))
