"""Report of an import, counted as it goes."""

from dataclasses import dataclass, field
from typing import Final

from indexer.exchange.items import BadRow, Ignored
from indexer.store import ListPlan

MOST_LISTED: Final = 100
"""Refused rows, and kinds that are passed over, that a report lists."""
_OTHERS: Final = "others"


@dataclass(slots=True)
class ImportReport:
    """What an import did, counted as it goes."""

    bank: str
    """The bank that the lists went into."""
    added: int = 0
    """Entries that the bank did not have before."""
    updated: int = 0
    """Entries of which the lists say something else than before."""
    revived: int = 0
    """Entries that their source had withdrawn and holds again."""
    unchanged: int = 0
    """Entries that are as the lists have them."""
    removed: int = 0
    """Entries that their source withdraws."""
    kept_removed: int = 0
    """Entries that the lists hold and that a person removed: they stay removed."""
    ignored: dict[str, int] = field(default_factory=dict)
    """What lists hold and we do not match by, such as sha1: how many of each."""
    refused_count: int = 0
    """Rows that could not be used."""
    refused: list[BadRow] = field(default_factory=list)
    """The first of them, with the reason."""
    incomplete: bool = False
    """Whether rows could not be read, or are of a kind that is not known: what they list stays
    unknown."""
    dry_run: bool = False
    """Whether nothing was written."""
    interrupted: bool = False
    """Whether it was stopped before its end."""
    seconds: float = field(default=0.0, compare=False)
    """How long it took."""

    @property
    def listed(self) -> int:
        """How many fingerprints were met so far."""
        entries = self.added + self.updated + self.revived + self.unchanged
        return entries + self.kept_removed

    def carry(self, plan: ListPlan) -> None:
        """Count what a stretch of a list changed."""
        self.added += len(plan.added)
        self.updated += len(plan.updated)
        self.revived += len(plan.revived)
        self.unchanged += len(plan.unchanged)
        self.removed += len(plan.removed)
        self.kept_removed += plan.kept_removed

    def ignore(self, item: Ignored) -> None:
        """Count what we do not match by."""
        what = item.what
        if what not in self.ignored and len(self.ignored) >= MOST_LISTED:
            what = _OTHERS
        self.ignored[what] = self.ignored.get(what, 0) + 1
        self.incomplete |= item.unheard_of

    def refuse(self, row: BadRow) -> None:
        """Count a row that could not be used, and list it while there is room."""
        self.refused_count += 1
        self.incomplete |= row.unread
        if len(self.refused) < MOST_LISTED:
            self.refused.append(row)
