"""What the catalog says of the candidates of one query, at one moment.

The views only nominate. What was removed, disabled or has expired is gone here, even while a view
lags.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from indexer.matching.nomination import Nominees, Scope
from indexer.matching.suppression import Rejections
from indexer.stages import timed
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
    itself.
    """

    def counts(entry: Entry) -> bool:
        return not scope.banks or entry.bank in scope.banks

    records = catalog.images(
        sorted(nominees.images), space_id, with_embedding=True, at=scope.at
    ).values()
    candidates = []
    for record in records:
        entries = tuple(entry for entry in record.entries if counts(entry))
        if entries:
            candidates.append(Candidate(record, entries))
        elif not scope.banks:
            candidates.append(Candidate(record, (None,)))
    bare = catalog.entries_by_ids(sorted(nominees.entries), scope.at).values()
    return candidates + [Candidate(None, (entry,)) for entry in bare if counts(entry)]


def chosen(
    catalog: Catalog, space_id: int, entry_ids: Collection[int], at: datetime
) -> list[Candidate]:
    """Read some entries, whatever any view says; those that do not count now are left out."""
    entries = catalog.entries_by_ids(entry_ids, at).values()
    of_images = sorted({entry.image_id for entry in entries if entry.image_id is not None})
    records = catalog.images(of_images, space_id, with_embedding=True, at=at).values()
    images = [
        Candidate(record, tuple(entry for entry in record.entries if entry.id in entry_ids))
        for record in records
    ]
    return images + [Candidate(None, (entry,)) for entry in entries if entry.image_id is None]


def own_excuse(record: ImageRecord) -> list[Candidate]:
    """Return a stored image as a candidate of itself, for the allow banks that it is in."""
    entries = tuple(entry for entry in record.entries if entry.kind is BankKind.ALLOW)
    return [Candidate(record, entries)] if entries else []
