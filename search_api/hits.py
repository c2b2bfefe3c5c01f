"""Counts what searches hit, and writes it down every few seconds."""

from collections.abc import Callable, Collection
from threading import Event, Thread
from typing import Self

import structlog

from indexer.acting import Actor, acting_as
from indexer.errors import UnavailableError
from indexer.flood import FloodWatch
from indexer.types import Verdict

log = structlog.get_logger(__name__)


class HitWriter:
    """Feeds a flood watch from a thread of its own, so that no search waits for the database.

    A process that is killed loses what it counted since the last writing.
    """

    def __init__(
        self, watch: FloodWatch, *, interval: float, count: Callable[[Verdict], None]
    ) -> None:
        self._watch = watch
        self._count = count  # for the metrics
        self._interval = interval  # seconds
        self._stopping = Event()
        self._thread = Thread(target=self._write_on, name="hit-writer", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        """Stop, once all that was counted is written."""
        self._stopping.set()
        self._thread.join()

    def record(self, verdict: Verdict) -> None:
        """Count the hits of a verdict."""
        self._count(verdict)
        self._watch.record(verdict)

    def record_entries(self, entry_ids: Collection[int]) -> None:
        """Count hits of a lookup that comes to no verdict."""
        self._watch.record_entries(entry_ids)

    def _write_on(self) -> None:
        while not self._stopping.wait(self._interval):
            self._write()
        self._write()

    def _write(self) -> None:
        try:
            with acting_as(Actor("system", "flood-watch")):
                self._watch.flush()
        except UnavailableError as error:
            log.warning("hits could not be written, trying again", reason=str(error))
        except Exception:  # counting must not end because one writing failed
            log.exception("writing hits failed, trying again")
