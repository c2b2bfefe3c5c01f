"""Index lag of each signal type behind the log."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from indexer.signals.signal_type import SignalType
from indexer.store import Catalog
from indexer.vector_views import Views

_NEVER: Final = -1  # unix time of nothing


@dataclass(frozen=True, slots=True)
class IndexLag:
    """What the search for one type of signal knows of."""

    stored: int
    """Entries of block banks with a signal of the type."""
    searchable: int
    """Those of them that a search knows of."""
    newest: int
    """When the log last changed, in unix seconds; -1 if never."""
    built_to: int
    """When the last change was made that a search knows of, in unix seconds; -1 if none."""

    @property
    def out_of_date(self) -> bool:
        """Whether a search does not know of all."""
        return self.searchable < self.stored


def measure_lag(
    catalog: Catalog, views: Views, types: Iterable[SignalType[Any]]
) -> dict[str, IndexLag]:
    """Return how far each type is, by name."""
    head = catalog.log.head()
    stored = catalog.entries.block_counts()
    answers = {}
    for each in types:
        watermark = min(head, each.watermark(views, head))
        unseen = catalog.entries.block_counts(after=watermark) if watermark < head else {}
        kinds = (None, each.kind) if each.kind else (None,)  # None counts the images
        total = sum(stored.get(kind, 0) for kind in kinds)
        lacking = sum(unseen.get(kind, 0) for kind in kinds)
        answers[each.name] = IndexLag(
            stored=total,
            searchable=total - lacking,
            newest=_unix(catalog, head),
            built_to=_unix(catalog, watermark),
        )
    return answers


def _unix(catalog: Catalog, number: int) -> int:
    moment = catalog.log.made_at(number)
    return int(moment.timestamp()) if moment else _NEVER
