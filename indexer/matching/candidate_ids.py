"""Candidate ids: the nearest images and bare fingerprints that the views find."""

from dataclasses import dataclass
from datetime import datetime
from typing import cast

import numpy as np
from numpy.typing import NDArray

from indexer.matching.bank_membership import BankMembership
from indexer.matching.query import EncodedQuery
from indexer.matching.recall_guard import RecallGuard
from indexer.runtime.timing import timed
from indexer.store import Catalog
from indexer.thresholds import ThresholdResolver
from indexer.types import EXACT, Completeness, Fingerprint, FingerprintKind, Keys, Signal
from indexer.vector_views import Views
from indexer.vectors import DistanceHits, KeySet, LogView


@dataclass(frozen=True, slots=True)
class SearchScope:
    """What a query is compared with."""

    k: int  # nearest by each signal, for each piece of the query
    banks: tuple[str, ...]  # their entries alone; all banks and the gallery when empty
    reach: int  # largest PDQ distance of a candidate, in bits
    at: datetime  # the moment that decides which entries are enabled
    created_after: datetime | None = None  # only what was added after this moment
    exact: bool = False  # whether the gallery, too, is searched so that nothing is missed


@dataclass(frozen=True, slots=True)
class CandidateIds:
    """What is to be compared, by id; some of it may be gone."""

    images: frozenset[int]
    entries: frozenset[int]  # those that are bare fingerprints
    gallery: Completeness | None  # of the search of the gallery; None where only banks were asked


def reach_of(thresholds: ThresholdResolver) -> int:
    """Return the largest PDQ distance, in bits, that affects a match in any bank."""
    bounds = [card.value for card in thresholds.cards.values() if card.signal is Signal.PDQ]
    reach = thresholds.fusion.pdq_reach
    return int(max(reach, thresholds.settings.pdq_max_distance, *bounds))


@timed("search")
def find_candidate_ids(
    catalog: Catalog,
    guard: RecallGuard,
    membership: BankMembership,
    query: EncodedQuery,
    scope: SearchScope,
) -> CandidateIds:
    """Find the nearest images and bare fingerprints, and those of equal bytes.

    Without a choice of banks the entries of all banks are searched beside the gallery, so that a
    crowd of like pictures in the gallery cannot push a bank's entry out of the k. Entries that do
    not count at the moment of the query are left out before the search, not after it.

    Raises
    ------
    NotFoundError
        There is no such bank.
    """
    images = set(catalog.images.ids_by_sha256([query.sha256]).values())
    if query.md5 and not query.sha256:  # an MD5 alone; otherwise SHA-256 is safer
        images |= catalog.images.ids_with_md5([query.md5])
    views, gallery = guard.views, EXACT
    for part in _image_scopes(catalog, views, membership, scope):
        if len(query.pieces.embeddings):
            nearest, completeness = guard.search(
                views.embeddings,
                query.pieces.embeddings,
                scope.k,
                part.within,
                exact=part.exact,
            )
            images.update(part.own(nearest.keys.ravel()).tolist())
            gallery = Completeness.least(gallery, completeness)
        closest, completeness = _closest(guard, views.pdqs, query, scope, part)
        images.update(part.own(np.array([*closest], np.int64)).tolist())
        gallery = Completeness.least(gallery, completeness)
    images.discard(-1)  # what an index answers where it has fewer than k

    bare = _bare_scope(catalog, membership, scope)
    closest, _ = _closest(guard, views.entries, query, scope, _Part(bare, exact=True))
    entries = _of_the_bytes(catalog, query, scope) | closest
    return CandidateIds(
        frozenset(images), frozenset(entries), gallery=None if scope.banks else gallery
    )


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of the index that is searched by itself: banks exactly, the gallery as it can be."""

    within: KeySet | None  # None for all
    exact: bool
    apart: KeySet | None = None  # those of them that are searched as another part

    def own(self, keys: Keys) -> Keys:
        """Return the keys that no other part answers for.

        The k nearest of the gallery hold no entry that the k nearest entries do not hold, unless
        the gallery was searched approximately. Such an entry is left out, so that what is compared
        of a bank depends on the search of the bank alone.
        """
        if self.apart is None or not len(self.apart):
            return keys
        places = np.searchsorted(self.apart.keys, keys)
        found = self.apart.keys[np.minimum(places, len(self.apart) - 1)]
        own: Keys = keys[found != keys]
        return own


def _image_scopes(
    catalog: Catalog, views: Views, membership: BankMembership, scope: SearchScope
) -> list[_Part]:
    """Return the sets of images that are searched one by one, empty ones left out."""
    if scope.created_after is None:
        members = membership.images(catalog, scope.banks, scope.at)
        banks = [_Part(members, exact=True)] if len(members) else []
        enough = scope.banks or all(
            view.index.is_within(members) for view in (views.embeddings, views.pdqs)
        )
        return banks if enough else [*banks, _Part(None, exact=scope.exact, apart=members)]
    recent = scope.created_after
    entries = KeySet(catalog.recency.entry_image_ids(scope.banks or None, scope.at, recent))
    parts = [_Part(entries, exact=True)]
    if not scope.banks:
        images = KeySet(catalog.recency.image_ids(recent))
        parts.append(_Part(images, exact=scope.exact, apart=entries))
    return [part for part in parts if part.within is None or len(part.within)]


def _bare_scope(catalog: Catalog, membership: BankMembership, scope: SearchScope) -> KeySet | None:
    """Return the bare fingerprints that are searched; None for all."""
    if scope.created_after is None:
        return membership.fingerprints(catalog, scope.banks, scope.at)
    return KeySet(
        catalog.recency.entry_fingerprint_ids(scope.banks or None, scope.at, scope.created_after)
    )


def _of_the_bytes(catalog: Catalog, query: EncodedQuery, scope: SearchScope) -> set[int]:
    """Return the bare entries that are digests of the query's bytes."""
    digests = [
        Fingerprint(FingerprintKind.SHA256, query.sha256),
        Fingerprint(FingerprintKind.MD5, query.md5),
    ]
    return {entry.id for entry in catalog.entries.in_force_by_fingerprint(digests, scope.at)}


def _closest(
    guard: RecallGuard, view: LogView, query: EncodedQuery, scope: SearchScope, part: _Part
) -> tuple[set[int], Completeness]:
    """Return the k keys within reach that are closest by PDQ, for each piece of the query.

    A view answers for each orientation of a piece; what is read from the catalog afterwards costs
    more than the search, so of all of them k are kept.
    """
    pieces = query.pieces
    if not len(pieces.pdq):
        return set(), EXACT
    found, completeness = guard.search(view, pieces.pdq, scope.k, part.within, exact=part.exact)
    hits = cast("DistanceHits", found)
    closest: set[int] = set()
    for piece in np.unique(pieces.pdq_owner):
        rows = pieces.pdq_owner == piece
        closest.update(_nearest_keys(hits.keys[rows], hits.distances[rows], scope))
    return closest, completeness


def _nearest_keys(
    keys: NDArray[np.int64], distances: NDArray[np.int32], scope: SearchScope
) -> list[int]:
    """Return the k nearest of the keys within reach, each once; both arrays are (n, k).

    Keys that tie are taken by key, whichever orientation found them.
    """
    near = np.flatnonzero(distances.ravel() <= scope.reach)  # where there is no key it is not
    order = near[np.lexsort((keys.ravel()[near], distances.ravel()[near]))]
    return list(dict.fromkeys(keys.ravel()[order].tolist()))[: scope.k]
