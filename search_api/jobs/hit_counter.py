"""Hit counter: counts matches of entries, and writes them every few seconds."""

from collections.abc import Callable, Collection

from indexer.flood import FloodWatch
from indexer.runtime.actor import Actor, acting_as
from indexer.types import Verdict
from search_api.jobs.periodic import PeriodicTask


class HitCounter(PeriodicTask):
    """Feeds a flood watch from a thread of its own, so that no search waits for the database.

    A process that is killed loses what it counted since the last writing.
    """

    def __init__(
        self, watch: FloodWatch, *, interval: float, count: Callable[[Verdict], None]
    ) -> None:
        self._watch = watch
        self._count = count  # for the metrics
        super().__init__(
            self._write, name="hit-writer", interval=interval, doing="writing hits", at_end=True
        )

    def record(self, verdict: Verdict) -> None:
        """Count the hits of a verdict."""
        self._count(verdict)
        self._watch.record(verdict)

    def record_entries(self, entry_ids: Collection[int]) -> None:
        """Count hits of a lookup that comes to no verdict."""
        self._watch.record_entries(entry_ids)

    def _write(self) -> None:
        with acting_as(Actor("system", "flood-watch")):
            self._watch.flush()
