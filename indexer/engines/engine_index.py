"""Engine index: a vector index whose candidates an engine nominates, scored exactly here."""

from collections.abc import Sequence
from typing import ClassVar, Final

import numpy as np
import structlog
from tenacity import Retrying, retry_if_result, stop_after_delay, wait_exponential

from indexer.engines.bank_vectors import BankVectors
from indexer.engines.base import PLACES, Rows, VectorEngine, keys_of, row_ids
from indexer.engines.catalog_scan import scan_nearest, scan_range
from indexer.engines.circuit_breaker import CircuitBreaker
from indexer.errors import EngineUnavailable
from indexer.types import (
    ChangeFeed,
    Completeness,
    CompletenessKind,
    Embeddings,
    Keys,
    Vectors,
)
from indexer.vectors import KeySet, SimilarityHits, SimilarityRangeHits
from indexer.vectors.faiss_index import FloatIndex

_SCANNED: Final = 20_000
"""Keys of a set up to which their vectors are read for one search: 40 MB of 512 floats."""
_RANGE: Final = 256  # rows that a range search asks for first
_MARGIN: Final = 0.02  # by which an engine's rounded scores may be below the true ones
_PAGE: Final = 10_000  # row ids that are read at once
_VISIBLE: Final = 60.0  # seconds until an engine that is consistent in the end shows a removal

log = structlog.get_logger(__name__)


class EngineIndex:
    """The gallery in an engine, the entries of banks in this process; see `VectorIndex`.

    The engine's scores are not used: what it nominates is scored on the vectors in the catalog, so
    stale rows cannot become hits. A search that must be exact never asks the engine.

    Parameters
    ----------
    engine : VectorEngine
    feed : ChangeFeed
        Reads vectors from the catalog.
    dimension : int
    banks : BankVectors
    """

    metric: ClassVar[str] = "cosine"

    def __init__(
        self, engine: VectorEngine, feed: ChangeFeed, dimension: int, banks: BankVectors
    ) -> None:
        self.dimension = dimension
        self.engine = engine
        self.vectors = 0
        """Rows in the engine, as counted last."""
        self.completeness = Completeness(CompletenessKind.UNMEASURED)
        """As measured last; see `VectorIndex`."""
        self.searching = CircuitBreaker()
        self._feed = feed
        self._banks = banks

    def __len__(self) -> int:
        return self.vectors

    def keys(self) -> Keys:
        """Return the keys of all rows of the engine; see `VectorIndex`."""
        return keys_of(self.rows())

    def rows(self) -> Rows:
        """Return the ids of all rows of the engine, ascending."""
        pages = [np.zeros(0, np.int64)]
        after = -1
        while len(page := self.engine.rows(after, _PAGE)):
            pages.append(page)
            after = int(page[-1])
        return np.concatenate(pages)

    def is_within(self, keys: KeySet) -> bool:
        """Return False: the gallery is asked even if it holds but entries; see `VectorIndex`."""
        return False

    def reconstruct(self, keys: Keys) -> tuple[Keys, Vectors]:
        """Return the vectors that the catalog has of some keys; see `VectorIndex`."""
        said = self._feed.look_up(np.unique(keys))
        return said.keys, said.vectors

    def add(self, keys: Keys, vectors: Vectors) -> None:
        """Send the vectors of some keys; see `VectorIndex`.

        Where a key had more vectors before, the surplus rows stay: they cannot become hits, and
        `repair` removes them.
        """
        order = np.argsort(keys, kind="stable")
        self.engine.upsert(row_ids(keys[order]), vectors[order])

    def remove(self, keys: Keys) -> None:
        """Remove every row of some keys; see `VectorIndex`."""
        if len(keys):
            self.engine.remove(keys)

    def erase(self, keys: Keys) -> None:
        """Remove every row of some keys and look whether they are gone; see `VectorIndex`.

        Raises
        ------
        EngineUnavailable
            The engine still holds one after a minute.
        """
        self.remove(keys)
        attempts = Retrying(
            retry=retry_if_result(bool),
            stop=stop_after_delay(_VISIBLE),
            wait=wait_exponential(0.1, max=5),
            retry_error_callback=lambda state: state.outcome and state.outcome.result(),
        )
        if left := attempts(self._held, keys):
            raise EngineUnavailable(
                f"The vector engine still holds {len(left)} purged images, the first is {left[0]}. "
                "It is asked again; if that goes on, look at its own log."
            )

    def _held(self, keys: Keys) -> list[int]:
        """Return those of some keys that the engine has a row of."""
        first = {key: self.engine.rows((key << PLACES) - 1, 1) for key in keys.tolist()}
        return [key for key, rows in first.items() if len(rows) and keys_of(rows)[0] == key]

    def search(
        self, queries: Vectors, k: int, within: KeySet | None = None, *, exact: bool = False
    ) -> SimilarityHits:
        """Find the k nearest keys; see `VectorIndex`.

        Raises
        ------
        EngineUnavailable
            The engine had to be asked, and cannot be.
        """
        if exact and within is not None and self._banks.lacks(within) <= _SCANNED:
            return self._banks.search(queries, k, within)
        if exact or _is_small(within):
            return scan_nearest(self._feed, self._all(within), self.dimension, queries, k)
        nominees = _Nominees(self._feed, self.dimension, within)
        wanted = min(max(2 * k, 16), self._max_k)
        while True:
            rows = self._nominate(queries, wanted)
            nominees.take(rows)
            hits = nominees.nearest(rows, queries, k)
            exhausted = all(len(each) < wanted for each in rows)
            if (hits.keys >= 0).all() or exhausted or wanted == self._max_k:
                return hits
            wanted = min(4 * wanted, self._max_k)

    def range_search(
        self,
        queries: Vectors,
        threshold: float,
        within: KeySet | None = None,
        *,
        exact: bool = False,
    ) -> SimilarityRangeHits:
        """Find every key at the threshold or nearer; see `VectorIndex`.

        The engine is asked for more until the worst that it nominates is below the threshold.

        Raises
        ------
        EngineUnavailable
            The engine had to be asked, and cannot be.
        """
        if exact and within is not None and self._banks.lacks(within) <= _SCANNED:
            return self._banks.range_search(queries, threshold, within)
        if exact or _is_small(within):
            keys = self._all(within)
            return scan_range(self._feed, keys, self.dimension, queries, threshold)
        nominees = _Nominees(self._feed, self.dimension, within)
        wanted = min(_RANGE, self._max_k)
        while True:
            rows = self._nominate(queries, wanted, threshold - _MARGIN)
            nominees.take(rows)
            hits = nominees.up_to(rows, queries, threshold)
            done = all(
                len(each) < wanted or nominees.any_beyond(each, hits, query)
                for query, each in enumerate(rows)
            )
            if done:
                return hits
            if wanted == self._max_k:
                log.warning("range search incomplete", rows=wanted, threshold=threshold)
                return hits
            wanted = min(4 * wanted, self._max_k)

    @property
    def _max_k(self) -> int:
        return self.engine.capabilities.max_k

    def _all(self, within: KeySet | None) -> Keys:
        return self._feed.all_keys().keys if within is None else within.keys

    def _nominate(self, queries: Embeddings, k: int, floor: float | None = None) -> Sequence[Rows]:
        with self.searching.calling():
            return self.engine.nominate(queries, k, floor)


class _Nominees:
    """What was nominated in one search, with the vectors that the catalog has of it.

    Each query is compared with its own nominees only, so that what is found does not depend on what
    else is asked in the same call.
    """

    def __init__(self, feed: ChangeFeed, dimension: int, within: KeySet | None) -> None:
        self._index = FloatIndex(dimension)
        self._feed = feed
        self._within = within
        self._known = np.zeros(0, np.int64)  # looked up, ascending
        self._found = np.zeros(0, np.int64)  # those of them that the catalog has

    def take(self, rows: Sequence[Rows]) -> None:
        """Read what is new of several queries' rows."""
        keys = np.unique(keys_of(np.concatenate([np.zeros(0, np.int64), *rows])))
        if self._within is not None:
            keys = np.intersect1d(keys, self._within.keys, assume_unique=True)
        said = self._feed.look_up(np.setdiff1d(keys, self._known, assume_unique=True))
        self._index.add(said.keys, said.vectors)
        self._known = np.union1d(self._known, keys)
        self._found = np.union1d(self._found, said.keys)

    def nearest(self, rows: Sequence[Rows], queries: Embeddings, k: int) -> SimilarityHits:
        """Score each query's nominees; return the k nearest."""
        hits = [
            self._index.search(query[None], k, KeySet(keys_of(own)))
            for query, own in zip(queries, rows, strict=True)
        ]
        return SimilarityHits(
            keys=np.concatenate([each.keys for each in hits]),
            similarities=np.concatenate([each.similarities for each in hits]),
        )

    def up_to(
        self, rows: Sequence[Rows], queries: Embeddings, threshold: float
    ) -> SimilarityRangeHits:
        """Score each query's nominees; return those at the threshold or nearer."""
        hits = [
            self._index.range_search(query[None], threshold, KeySet(keys_of(own)))
            for query, own in zip(queries, rows, strict=True)
        ]
        return SimilarityRangeHits(
            offsets=np.cumsum([0, *(len(each.keys) for each in hits)]),
            keys=np.concatenate([each.keys for each in hits]),
            similarities=np.concatenate([each.similarities for each in hits]),
        )

    def any_beyond(self, rows: Rows, hits: SimilarityRangeHits, query: int) -> bool:
        """Return whether a query was also given keys that turned out to be below the threshold."""
        near = hits.keys[hits.offsets[query] : hits.offsets[query + 1]]
        return bool(len(np.setdiff1d(np.intersect1d(keys_of(rows), self._found), near)))


def _is_small(within: KeySet | None) -> bool:
    return within is not None and len(within) <= _SCANNED
