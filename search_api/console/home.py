"""Data of the console's first page."""

from dataclasses import dataclass

from indexer.store import Catalog
from indexer.types import Bank, Counts, Flood, FloodState, RetroScan, Space

_MOST_FLOODS = 10


@dataclass(frozen=True, slots=True)
class Home:
    """The index in short, as it is now."""

    counts: Counts
    space: Space | None
    banks: list[Bank]
    floods: list[Flood]
    """Open flags, oldest first; at most ten."""
    last_scan: RetroScan | None


def read_home(catalog: Catalog) -> Home:
    """Read it."""
    return Home(
        counts=catalog.gauges.counts(),
        space=catalog.spaces.active(),
        banks=catalog.banks.all(),
        floods=catalog.floods.page(state=FloodState.OPEN, after_id=0, limit=_MOST_FLOODS),
        last_scan=catalog.retro_scans.newest(),
    )
