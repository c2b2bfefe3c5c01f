"""What the catalog says of the candidates of one query, at one moment.

The views only nominate. What was removed, disabled or has expired is gone here, even while a view
lags.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from indexer.matching.nomination import Nominees, Scope
from indexer.matching.suppression import Rejections
from indexer.runtime.timing import timed
from indexer.store import Catalog
from indexer.thresholds import ThresholdBook
from indexer.types import BankKind, Entry, ImageRecord


@dataclass(frozen=True, slots=True)
class Candidate:
    """What a query is compared with: a stored image, or an entry that is a bare fingerprint."""

    record: ImageRecord | None
    entries: tuple[Entry | None, ...]
    """What it is reported for, None for an image by itself; of a fingerprint its one entry."""


@dataclass(frozen=True, slots=True)
class Case:
    """The candidates of one query, and what decides on them."""

    candidates: list[Candidate]
    thresholds: ThresholdBook
    rejections: Rejections


@timed("catalog")
def nominated(catalog: Catalog, space_id: int, nominees: Nominees, scope: Scope) -> list[Candidate]:
    """Read what the views nominated.

    With a choice of banks only their entries count; without, an image that is in no bank counts by
    itself. With a moment only what was added after it counts: of an image that was indexed before,
    the entries that were made since.
    """
    records = catalog.images.get_many(
        sorted(nominees.images), space_id, with_embedding=True, at=scope.at
    ).values()
    bare = catalog.entries.in_force(sorted(nominees.entries), scope.at).values()
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


def _counting(catalog: Catalog, entries: Sequence[Entry], scope: Scope) -> set[int]:
    """Return the ids of those entries that are of the banks and the time that are searched."""
    ids = {entry.id for entry in entries if not scope.banks or entry.bank in scope.banks}
    return ids if scope.created_after is None else catalog.recency.entries(ids, scope.created_after)


def _is_recent(record: ImageRecord, scope: Scope) -> bool:
    return scope.created_after is None or record.created_at > scope.created_after


def chosen(
    catalog: Catalog, space_id: int, entry_ids: Collection[int], at: datetime
) -> list[Candidate]:
    """Read some entries, whatever any view says; those that do not count now are left out."""
    entries = catalog.entries.in_force(entry_ids, at).values()
    of_images = sorted({entry.image_id for entry in entries if entry.image_id is not None})
    records = catalog.images.get_many(of_images, space_id, with_embedding=True, at=at).values()
    images = [
        Candidate(record, tuple(entry for entry in record.entries if entry.id in entry_ids))
        for record in records
    ]
    return images + [Candidate(None, (entry,)) for entry in entries if entry.image_id is None]


def own_excuse(record: ImageRecord) -> list[Candidate]:
    """Return a stored image as a candidate of itself, for the allow banks that it is in."""
    entries = tuple(entry for entry in record.entries if entry.kind is BankKind.ALLOW)
    return [Candidate(record, entries)] if entries else []
