"""Gauges that are read every second: lag of the views, sizes, memory."""

import resource
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, time

from prometheus_client import Gauge

from indexer.engines.engine_view import EngineView
from indexer.errors import UnavailableError
from indexer.matching import Matcher
from indexer.store import Store
from search_api.jobs.log_follower import LogFollower
from search_api.jobs.periodic import PeriodicTask
from search_api.telemetry.metrics import Metrics

Reading = tuple[Gauge, Callable[[], float]]
_INTERVAL = 1.0  # seconds
_STATM = Path("/proc/self/statm")


class GaugeSampler(PeriodicTask):
    """Reads the gauges from a thread of its own, so that no scrape waits for the database."""

    def __init__(
        self,
        metrics: Metrics,
        store: Store,
        matcher: Matcher,
        follower: LogFollower,
        *,
        count_interval: float,
    ) -> None:
        self._metrics = metrics
        self._store = store
        self._matcher = matcher
        self._follower = follower
        self._count_interval = count_interval  # seconds
        self._counted_at = -count_interval
        self._readings: Sequence[Reading] = ()
        self._codes: set[str] = set()
        super().__init__(
            self._sample, name="gauges", interval=_INTERVAL, doing="reading gauges", at_start=True
        )

    def watch(self, gauge: Gauge, read: Callable[[], float]) -> None:
        """Take one more reading from now on; it must be quick."""
        self._readings = (*self._readings, (gauge, read))

    def _sample(self) -> None:
        try:
            self._read()
        except UnavailableError:
            self._metrics.reachable.set(0)  # the log follower says why

    def _read(self) -> None:
        metrics = self._metrics
        metrics.memory.set(_resident_bytes())
        metrics.looked.set(time() - self._follower.age)
        for view, missed in self._matcher.recall_guard.missed.items():
            metrics.canaries.labels(view).set(missed)
        for gauge, read in self._readings:
            gauge.set(read())
        watermark = self._matcher.views.watermark
        embeddings = self._matcher.views.embeddings
        is_down = isinstance(embeddings, EngineView) and embeddings.outage is not None
        metrics.engine_available.set(0 if is_down else 1)
        with self._store.reader() as catalog:
            behind, since = catalog.log.lag(watermark)
            due = monotonic() - self._counted_at >= self._count_interval
            sizes = catalog.gauges.sizes() if due else None
        metrics.reachable.set(1)
        metrics.watermark.set(watermark)
        metrics.lag.set(behind)
        age = (datetime.now(UTC) - since).total_seconds() if since else 0.0
        metrics.lag_seconds.set(max(0.0, age))
        if sizes:
            self._counted_at = monotonic()
            metrics.images.set(sizes.images)
            metrics.entries.set(sizes.entries)
            metrics.reviews.set(sizes.reviews_open)
            metrics.decisions_per_reveal.set(sizes.reviews_decided / max(1, sizes.reveals))
            for state, parts in sizes.ingest_parts.items():
                metrics.ingest_parts.labels(state).set(parts)
            metrics.ingest_processed.set(sizes.ingest_processed)
            metrics.deliveries.labels("pending").set(sizes.deliveries_pending)
            metrics.deliveries.labels("dead").set(sizes.deliveries_dead)
            self._show_quarantine(sizes.quarantined_by_code)

    def _show_quarantine(self, by_code: dict[str, int]) -> None:
        self._codes |= by_code.keys()
        for code in self._codes:  # what was there and is not any more becomes 0
            self._metrics.quarantined.labels(code).set(by_code.get(code, 0))


def _resident_bytes() -> int:
    if _STATM.exists():
        return int(_STATM.read_text().split()[1]) * resource.getpagesize()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # macOS: its greatest, in bytes
