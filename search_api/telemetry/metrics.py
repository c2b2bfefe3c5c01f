"""Prometheus metrics of the server."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from threading import Lock
from typing import Literal

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

import indexer
from indexer.matching.shadow_queries import ShadowResult
from indexer.runtime.timing import Timing
from indexer.store import LOG_LOCK_HELD, LOG_LOCK_WAITED
from indexer.types import Tier, Verdict

_SHARED = "PROMETHEUS_MULTIPROC_DIR"
"""Prometheus' own variable: where the workers of one server keep their numbers."""
_MOST_BANKS = 100  # told apart; more would make as many series for each tier
GALLERY, OTHER_BANKS = "(gallery)", "(other)"  # no bank can be called so
AmongWorkers = Literal["livemax", "livemin", "livesum"]
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_LOCK_STATES = {LOG_LOCK_WAITED: "waited", LOG_LOCK_HELD: "held"}
_BATCHES = (1, 2, 4, 8, 16, 32, 64)


class Metrics:
    """The metrics of one process; with several workers each answers for all of them.

    Safe to use from several threads.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._shared = os.environ.get(_SHARED)
        self._banks: set[str] = set()
        self._learning = Lock()
        registry = self.registry
        self.requests = Histogram(
            "lookalike_http_request_duration_seconds",
            "Time from a request's first byte to the last of its answer.",
            ["method", "route", "status"],
            registry=registry,
            buckets=_SECONDS,
        )
        self.running = Gauge(
            "lookalike_http_requests_in_progress",
            "Requests in progress.",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self.problems = Counter(
            "lookalike_http_problems_total",
            "Requests answered with a problem document, by code.",
            ["code"],
            registry=registry,
        )
        self.stages = Histogram(
            "lookalike_stage_duration_seconds",
            "Duration of one run of a stage.",
            ["stage"],
            registry=registry,
            buckets=_SECONDS,
        )
        self.log_lock = Histogram(
            "lookalike_log_lock_seconds",
            "Time that a writer waited for the log's lock, or held it.",
            ["state"],
            registry=registry,
            buckets=_SECONDS,
        )
        self.batches = Histogram(
            "lookalike_forward_batch_size",
            "Images in one forward pass of the model.",
            registry=registry,
            buckets=_BATCHES,
        )
        self.verdicts = Counter(
            "lookalike_verdicts_total", "Verdicts, by tier.", ["tier"], registry=registry
        )
        self.actions = Counter(
            "lookalike_actions_total",
            "Verdicts by the action of the policy in force.",
            ["action"],
            registry=registry,
        )
        self.matches = Counter(
            "lookalike_matches_total",
            "Images that match a bank, by strongest tier, without suppressed matches.",
            ["tier", "bank"],
            registry=registry,
        )
        self.admitted = self._gauge("queue_depth", "Requests being processed.", "livesum")
        self.waiting = self._gauge("queue_waiting", "Requests waiting for a thread.", "livesum")
        self.unwritten = self._gauge(
            "audit_queue_waiting", "Lookups not yet written to the audit log.", "livesum"
        )
        self.lag = self._gauge("view_lag_changes", "Committed changes not searchable yet.")
        self.engine_available = self._gauge(
            "engine_available", "1 if the vector engine answers, or if there is none.", "livemin"
        )
        self.lag_seconds = self._gauge(
            "view_lag_seconds", "Age of the oldest committed change that is not searchable yet."
        )
        self.unlearned = self._gauge(
            "template_lag_changes", "Searchable changes that templates were not learned from yet."
        )
        self.looked = self._gauge(
            "view_last_look_timestamp_seconds",
            "Time of the last successful read of the log, in seconds since 1970.",
            "livemin",
        )
        self.watermark = self._gauge(
            "view_watermark", "Last change of the log that is searchable.", "livemin"
        )
        self.reachable = self._gauge(
            "database_up", "1 if the last access to the database succeeded, else 0.", "livemin"
        )
        self.images = self._gauge("images", "Images in the index.")
        self.entries = self._gauge("bank_entries", "Entries of all banks.")
        self.reviews = self._gauge("review_items_open", "Review items that are open.")
        self.decisions_per_reveal = self._gauge(
            "decisions_per_reveal",
            "Review decisions per revealed picture, in the last 24 hours.",
        )
        self.quarantined = Gauge(
            "lookalike_quarantined_files",
            "Files that could not be indexed, by error code.",
            ["code"],
            registry=registry,
            multiprocess_mode="livemostrecent",
        )
        self.ingest_parts = Gauge(
            "lookalike_ingest_parts",
            "Parts of ingest jobs: waiting, running, done or quarantined.",
            ["state"],
            registry=registry,
            multiprocess_mode="livemostrecent",
        )
        self.ingest_processed = self._gauge(
            "ingest_processed_files",
            "Images and other files of ingest jobs that workers processed.",
        )
        self.deliveries = Gauge(
            "lookalike_webhook_deliveries",
            "Unfinished webhook deliveries: pending, or dead (given up).",
            ["state"],
            registry=registry,
            multiprocess_mode="livemostrecent",
        )
        self.recall = Gauge(
            "lookalike_search_recall",
            "Recall of the last 1,000 shadow queries of a worker, of the worker with the least.",
            ["view"],
            registry=registry,
            multiprocess_mode="livemin",
        )
        self.canaries = Gauge(
            "lookalike_canaries_missed",
            "Planted vectors that a view does not find; above 0 it is searched exactly.",
            ["view"],
            registry=registry,
            multiprocess_mode="livemax",
        )
        self.missed = Counter(
            "lookalike_search_missed_above_threshold_total",
            "Images at the lookalike bound or closer that shadow queries show to be missed.",
            ["view"],
            registry=registry,
        )
        self.shadow_queries = Counter(
            "lookalike_shadow_queries_total",
            "Live queries drawn to be asked again exactly, by outcome.",
            ["view", "outcome"],
            registry=registry,
        )
        self.memory = Gauge(
            "lookalike_worker_resident_memory_bytes",
            "Resident memory of a worker process.",
            registry=registry,
            multiprocess_mode="liveall",
        )
        build = Gauge(
            "lookalike_build_info",
            "Always 1; the label is the version.",
            ["version"],
            registry=registry,
            multiprocess_mode="livemax",
        )
        build.labels(indexer.__version__).set(1)
        if not self._shared:
            ProcessCollector(registry=registry)

    def time_stage(self, timing: Timing) -> None:
        """Count one run of a stage; a listener of `indexer.runtime.timing`."""
        if state := _LOCK_STATES.get(timing.stage):
            self.log_lock.labels(state).observe(timing.seconds)
            return
        self.stages.labels(timing.stage).observe(timing.seconds)
        if timing.stage in {"forward", "embed"} and timing.size is not None:
            self.batches.observe(timing.size)

    def count_shadow_query(self, result: ShadowResult) -> None:
        """Count one shadow query, and show the recall that it adds to."""
        self.shadow_queries.labels(result.view, result.outcome).inc()
        if result.recall is not None:
            self.recall.labels(result.view).set(result.recall)
            self.missed.labels(result.view).inc(result.missed_above_threshold)

    def count_verdict(self, verdict: Verdict) -> None:
        """Count a verdict, and each bank that it matches once."""
        self.verdicts.labels(verdict.tier.value).inc()
        if verdict.action is not None:
            self.actions.labels(verdict.action.value).inc()
        strongest: dict[str, Tier] = {}
        for match in verdict.matches:  # strongest first
            if match.suppressed_by is None:
                strongest.setdefault(self._bank_label(match.bank), match.tier)
        for bank, tier in strongest.items():
            self.matches.labels(tier.value, bank).inc()

    def exposition(self) -> bytes:
        """Return all metrics as Prometheus reads them."""
        if not self._shared:
            return generate_latest(self.registry)
        of_all_workers = CollectorRegistry()
        MultiProcessCollector(of_all_workers, self._shared)  # type: ignore[no-untyped-call]
        return generate_latest(of_all_workers)

    def _gauge(self, name: str, says: str, workers: AmongWorkers = "livemax") -> Gauge:
        return Gauge(f"lookalike_{name}", says, registry=self.registry, multiprocess_mode=workers)

    def _bank_label(self, bank: str | None) -> str:
        if bank is None:
            return GALLERY
        with self._learning:
            if len(self._banks) < _MOST_BANKS:
                self._banks.add(bank)
            return bank if bank in self._banks else OTHER_BANKS


@contextmanager
def shared_metrics() -> Iterator[None]:
    """Let the worker processes that are started within the block keep their numbers together.

    They must be new processes, not forks: Prometheus' library looks for the folder when it loads.
    """
    with TemporaryDirectory(prefix="lookalike-metrics-") as folder:
        os.environ[_SHARED] = folder
        try:
            yield
        finally:
            del os.environ[_SHARED]


def forget_worker(pid: int) -> None:
    """Take a worker that has ended out of the gauges; what it counted stays."""
    if folder := os.environ.get(_SHARED):
        mark_process_dead(pid, folder)  # type: ignore[no-untyped-call]
