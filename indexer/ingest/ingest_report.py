"""Ingest report: what a run did, counted as it goes."""

from bisect import insort
from dataclasses import dataclass, field
from typing import Final

from indexer.runtime.timing import Timing
from indexer.store import LOG_LOCK_HELD, LOG_LOCK_WAITED
from indexer.types import SkippedSource

MOST_LISTED: Final = 1000
"""Skipped sources that a report lists; the quarantine has all of them."""


@dataclass(slots=True)
class IngestReport:
    """What a run did, counted as it goes."""

    added: int = 0
    """Images that the index did not hold before."""
    duplicates: int = 0
    """New sources of images that the index holds already."""
    unchanged: int = 0
    """Sources that were indexed before and hold the same bytes still."""
    changed: int = 0
    """Of all these: sources that held another image before."""
    completed: int = 0
    """Images that were there and gained frames, tiles, a thumbnail or features."""
    parts: int = 0
    """Frames and tiles that went through the model, besides the whole pictures."""
    entries: int = 0
    """New entries of the banks."""
    pruned: int = 0
    """Sources that are gone and were closed."""
    orphaned: int = 0
    """Images that lost their last source by that."""
    removed: int = 0
    """Of those orphaned: images that were removed."""
    skipped_count: int = 0
    """Sources that could not be indexed."""
    skipped: list[SkippedSource] = field(default_factory=list)
    """The first of them, with the reason, by URI."""
    links_not_followed: int = 0
    """Links that lead out of a folder, which only `--follow-links` follows."""
    interrupted: bool = False
    """Whether the run was stopped before its end."""
    encoded: int = field(default=0, compare=False)
    """Pictures that went through the model."""
    bytes: int = field(default=0, compare=False)
    """Bytes of the pictures that were read."""
    seconds: float = field(default=0.0, compare=False)
    """How long the run took, the model already loaded."""
    images_per_second: float = field(default=0.0, compare=False)
    """Pictures that went through the model, by the seconds of the run so far."""

    lock_waited_seconds: float = field(default=0.0, compare=False)
    """How long its batches waited for other programs that wrote to the catalog."""
    lock_held_seconds: float = field(default=0.0, compare=False)
    """How long its batches kept other programs from writing."""

    @property
    def done(self) -> int:
        """Sources dealt with so far."""
        return self.added + self.duplicates + self.unchanged + self.skipped_count

    def skip(self, items: list[SkippedSource]) -> None:
        """Count what could not be indexed, and list it while there is room."""
        self.skipped_count += len(items)
        for item in items[: max(0, MOST_LISTED - len(self.skipped))]:
            insort(self.skipped, item, key=lambda listed: listed.uri)

    def time_lock(self, timing: Timing) -> None:
        """Add the times of the log's lock; a listener of `indexer.runtime.timing`."""
        if timing.stage == LOG_LOCK_WAITED:
            self.lock_waited_seconds = round(self.lock_waited_seconds + timing.seconds, 3)
        elif timing.stage == LOG_LOCK_HELD:
            self.lock_held_seconds = round(self.lock_held_seconds + timing.seconds, 3)

    def time(self, seconds: float) -> None:
        """Say how long the run has taken so far."""
        self.seconds = round(seconds, 3)
        self.images_per_second = round(self.encoded / seconds, 2) if seconds else 0.0
