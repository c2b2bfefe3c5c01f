"""Banks and entries as their pages show them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from indexer.matching import Matcher
from indexer.store import AuditQuery, Catalog
from indexer.thresholds import Position, Thresholds, positions
from indexer.types import AuditEntry, Bank, Decision, EntryRecord, ThresholdCard

PAGE: Final = 60
"""Entries of a page."""
_DAYS: Final = 30
_MOST: Final = 50  # rows of an entry's history


@dataclass(frozen=True, slots=True)
class ShownEntry:
    """An entry of a page of a bank."""

    record: EntryRecord
    has_picture: bool
    hits: int
    """In the last 30 days."""

    @property
    def is_disabled(self) -> bool:
        """Whether it matches nothing now."""
        return is_disabled(self.record)


@dataclass(frozen=True, slots=True)
class BankPage:
    """A bank and a page of its entries."""

    bank: Bank
    entries: list[ShownEntry]
    next_after: int | None
    thresholds: Thresholds
    cards: list[ThresholdCard]
    """Cards in force for this bank, or for every bank."""


@dataclass(frozen=True, slots=True)
class DayHits:
    """The matches of an entry in one day."""

    day: datetime
    hits: int


@dataclass(frozen=True, slots=True)
class EntryPage:
    """An entry with all that is known of it."""

    record: EntryRecord
    has_picture: bool
    days: list[DayHits]
    """The last 30, oldest first."""
    decisions: list[Decision]
    history: list[AuditEntry]
    """Newest first."""

    @property
    def is_disabled(self) -> bool:
        """Whether it matches nothing now."""
        return is_disabled(self.record)

    @property
    def most(self) -> int:
        """The most matches of a day, at least 1."""
        return max([1, *(day.hits for day in self.days)])


def is_disabled(record: EntryRecord) -> bool:
    """Return whether an entry matches nothing now."""
    return record.disabled_until is not None and record.disabled_until > datetime.now(UTC)


def read_bank(catalog: Catalog, matcher: Matcher, name: str, after: int) -> BankPage:
    """Read a bank with the entries behind an id.

    Raises
    ------
    NotFoundError
        There is no such bank.
    """
    bank = catalog.banks.get(name)
    rows = catalog.entries.page(name, after_id=after, limit=PAGE + 1)
    shown = rows[:PAGE]
    kept = catalog.thumbnails.ids([row.image_id for row in shown if row.image_id])
    hits = _hits(catalog, [row.id for row in shown])
    return BankPage(
        bank=bank,
        entries=[
            ShownEntry(row, row.image_id in kept, sum(hits.get(row.id, {}).values()))
            for row in shown
        ],
        next_after=shown[-1].id if len(rows) > PAGE else None,
        thresholds=matcher.thresholds(catalog).for_bank(name),
        cards=[card for card in catalog.cards.page() if card.bank in (None, name)],
    )


def read_entry(catalog: Catalog, entry_id: int) -> EntryPage:
    """Read an entry with its hits, decisions and history.

    Raises
    ------
    NotFoundError
        There is no such entry.
    """
    record = catalog.entries.get(entry_id)
    query = AuditQuery(subject=f"entry:{entry_id}", newest_first=True)
    kept = catalog.thumbnails.ids([record.image_id]) if record.image_id else set()
    return EntryPage(
        record=record,
        has_picture=bool(kept),
        days=_days(_hits(catalog, [entry_id]).get(entry_id, {})),
        decisions=catalog.decisions.page(entry_id=entry_id, limit=_MOST),
        history=[row.shown() for row in catalog.audit.page(query, limit=_MOST)],
    )


def what_if(cards: Sequence[ThresholdCard]) -> list[tuple[ThresholdCard, list[Position]]]:
    """Return what bounds near those of the cards would do."""
    return [(card, positions(card)) for card in cards]


def _hits(catalog: Catalog, ids: Sequence[int]) -> dict[int, dict[datetime, int]]:
    now = datetime.now(UTC)
    return catalog.hits.of_entries(ids, since=now - timedelta(days=_DAYS), before=now)


def _days(hours: dict[datetime, int]) -> list[DayHits]:
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    days = {today - timedelta(days=ago): 0 for ago in range(_DAYS - 1, -1, -1)}
    for hour, hits in hours.items():
        day = hour.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        days[day] = days.get(day, 0) + hits
    return [DayHits(day, hits) for day, hits in sorted(days.items())]
