"""Candidate retrieval: nearest-neighbour search in the views, then the catalog's word on each."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from indexer.matching.bank_membership import BankMembership
from indexer.matching.candidate_ids import CandidateIds, SearchScope, find_candidate_ids, reach_of
from indexer.matching.comparison import Candidate
from indexer.matching.query import EncodedQuery
from indexer.matching.recall_guard import RecallGuard
from indexer.matching.search_options import SearchOptions
from indexer.matching.suppression import Rejections
from indexer.runtime.timing import timed
from indexer.settings import Settings
from indexer.store import Catalog
from indexer.thresholds import ThresholdResolver, choose_thresholds
from indexer.types import BankKind, Entry, Fusion, ImageRecord, SearchCompleteness, Space


@dataclass(frozen=True, slots=True)
class CandidateSet:
    """The candidates of one query, with the bounds and decisions that hold for them."""

    candidates: list[Candidate]
    thresholds: ThresholdResolver
    rejections: Rejections
    entry_vectors: int  # stored vectors that are searched for the entries of banks
    image_vectors: int  # and for all images
    completeness: SearchCompleteness

    def searched(self, entry: Entry | None) -> int:
        """Return among how many vectors an entry, or an image of the gallery (None), was found."""
        return self.image_vectors if entry is None else self.entry_vectors


class CandidateRetriever:
    """Retrieves the candidates of a query; safe to use from several threads.

    The views only find ids. What was removed, disabled or has expired is left out here, even while
    a view lags.
    """

    def __init__(
        self, guard: RecallGuard, space: Space, settings: Settings, fusion: Fusion
    ) -> None:
        self._guard = guard
        self._space = space
        self._settings = settings
        self._fusion = fusion
        self._membership = BankMembership()

    def retrieve(
        self, catalog: Catalog, query: EncodedQuery, k: int, options: SearchOptions
    ) -> CandidateSet:
        """Return the k nearest by each signal for each piece, or the entries that were asked for.

        Raises
        ------
        InputError
            The least log-odds are not finite.
        NotFoundError
            There is no such bank.
        """
        thresholds = self.thresholds(catalog, options.min_log_odds)
        at = datetime.now(UTC)
        if options.entries is None:
            scope = SearchScope(
                k=k + 1 if query.record else k,  # a stored image finds itself as well
                banks=options.banks,
                reach=reach_of(thresholds) if options.pdq_reach is None else options.pdq_reach,
                at=at,
                created_after=options.created_after,
                exact=options.exact,
            )
            ids = find_candidate_ids(catalog, self._guard, self._membership, query, scope)
            candidates = _read(catalog, self._space.id, ids, scope)
            completeness = SearchCompleteness(gallery=ids.gallery)
        else:
            candidates = [
                *_read_entries(catalog, self._space.id, options.entries, at),
                *_own_allow_entries(query.record),
            ]
            completeness = SearchCompleteness()
        rejections = Rejections.of(catalog.decisions.for_query(query.sha256))
        members = self._membership.images(catalog, options.banks, at)
        return CandidateSet(
            candidates,
            thresholds,
            rejections,
            entry_vectors=len(members) + len(self._guard.views.entries.index),
            image_vectors=len(self._guard.views.embeddings.index),
            completeness=completeness,
        )

    def thresholds(self, catalog: Catalog, least: float | None = None) -> ThresholdResolver:
        """Return the bounds that hold now; `least` are log-odds that the request wants."""
        return choose_thresholds(
            self._settings,
            catalog.cards.bounds(self._space.id),
            space_id=self._space.id,
            requested=least,
            fusion=self._fusion,
        )


@timed("catalog")
def _read(
    catalog: Catalog, space_id: int, ids: CandidateIds, scope: SearchScope
) -> list[Candidate]:
    """Read the candidates that the search found.

    With a choice of banks only their entries count; without, an image that is in no bank counts by
    itself. With a moment only what was added after it counts: of an image that was indexed before,
    the entries that were made since.
    """
    records = _read_records(catalog, space_id, ids.images, scope.at)
    bare = catalog.entries.in_force(sorted(ids.entries), scope.at).values()
    named = [entry for record in records for entry in record.entries] + list(bare)
    counting = _counting(catalog, named, scope)
    candidates = []
    for record in records:
        entries = tuple(entry for entry in record.entries if entry.id in counting)
        if entries:
            candidates.append(Candidate(record, entries))
        elif not scope.banks and _is_recent(record, scope):
            candidates.append(Candidate(record, (None,)))
    return candidates + [Candidate(None, (entry,)) for entry in bare if entry.id in counting]


def _counting(catalog: Catalog, entries: Sequence[Entry], scope: SearchScope) -> set[int]:
    """Return the ids of those entries that are of the banks and the time that are searched."""
    ids = {entry.id for entry in entries if not scope.banks or entry.bank in scope.banks}
    return ids if scope.created_after is None else catalog.recency.entries(ids, scope.created_after)


def _is_recent(record: ImageRecord, scope: SearchScope) -> bool:
    return scope.created_after is None or record.created_at > scope.created_after


def _read_entries(
    catalog: Catalog, space_id: int, entry_ids: Collection[int], at: datetime
) -> list[Candidate]:
    """Read some entries, whatever any view says; those that do not count now are left out."""
    entries = catalog.entries.in_force(entry_ids, at).values()
    of_images = {entry.image_id for entry in entries if entry.image_id is not None}
    records = _read_records(catalog, space_id, of_images, at)
    images = [
        Candidate(record, tuple(entry for entry in record.entries if entry.id in entry_ids))
        for record in records
    ]
    return images + [Candidate(None, (entry,)) for entry in entries if entry.image_id is None]


def _read_records(
    catalog: Catalog, space_id: int, image_ids: Collection[int], at: datetime
) -> Collection[ImageRecord]:
    found = catalog.images.get_many(
        sorted(image_ids), space_id, with_embedding=True, with_probabilities=False, at=at
    )
    return found.values()


def _own_allow_entries(record: ImageRecord | None) -> list[Candidate]:
    """Return the stored image that asks as a candidate of itself, for its own allow banks."""
    entries = tuple(e for e in record.entries if e.kind is BankKind.ALLOW) if record else ()
    return [Candidate(record, entries)] if entries else []
