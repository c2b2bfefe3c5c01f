"""Audit of lookups, written asynchronously after the answers."""

from collections import deque
from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum
from itertools import islice
from threading import Lock
from time import monotonic, sleep
from typing import Any

import structlog

from indexer.errors import AuditUnavailable
from indexer.runtime.actor import acting
from indexer.store import Store
from indexer.types import AuditEvent
from search_api.jobs.periodic import PeriodicTask
from search_api.request_context import request_id

log = structlog.get_logger(__name__)
_BATCH = 1_000  # rows of a transaction, which keeps other writers waiting
_NAMED = 100  # entries that a row names at most
_FAREWELL = 5.0  # seconds that a stopping server goes on trying


class Lookup(StrEnum):
    """What is looked up, as the audit log calls it."""

    SEARCH = "lookup.search"
    CLASSIFY = "lookup.classify"
    EMBED = "lookup.embed"
    EXPLAIN = "lookup.explain"
    HASH = "lookup.hash"
    SIGNAL = "lookup.signal"
    IMAGE = "lookup.image"
    SIMILAR = "lookup.similar"


class LookupAudit(PeriodicTask):
    """Feeds the audit log from a thread of its own, so that no answer waits for the database.

    A process that is killed loses the lookups since the last writing; one that stops loses none.
    """

    def __init__(self, store: Store, *, interval: float, capacity: int) -> None:
        self._store = store
        self._capacity = capacity
        self._waiting: deque[AuditEvent] = deque()
        self._lock = Lock()
        super().__init__(
            self.flush, name="lookup-audit", interval=interval, doing="writing lookups"
        )

    def __exit__(self, *exception: object) -> None:
        """Stop, once all that was recorded is written."""
        super().__exit__(*exception)
        give_up = monotonic() + _FAREWELL
        while not self.attempt():
            if monotonic() > give_up:
                log.error("lookups missing from audit log", count=len(self._waiting))
                return
            sleep(0.2)

    @property
    def waiting(self) -> int:
        """Lookups that are not written yet."""
        return len(self._waiting)

    def record(
        self, action: str, /, *, subject: str = "query", subject_id: object = None, **detail: Any
    ) -> None:
        """Remember a lookup of the calling context until it is written; call it before answering.

        Parameters
        ----------
        action : str
            One of `Lookup`.
        subject : str
            What was looked up: `query`, or `image` for a stored one.
        subject_id : object, optional
            SHA-256 of a query's bytes in hexadecimal, or the id of an image.
        **detail
            What else there is to say; plain values.

        Raises
        ------
        AuditUnavailable
            The database cannot be written, and no more can be remembered.
        """
        now = acting()
        identity = None if subject_id is None else str(subject_id)
        event = AuditEvent(
            datetime.now(UTC),
            now.actor,
            now.request_id or request_id(),
            action,
            subject,
            identity,
            detail,
        )
        with self._lock:
            if len(self._waiting) >= self._capacity:
                raise AuditUnavailable(
                    f"{self._capacity} lookups are waiting to be written to the audit log; "
                    "no more are answered until then. Check that the database is writable."
                )
            self._waiting.append(event)

    def flush(self) -> None:
        """Write all that was recorded until now.

        Raises
        ------
        LookalikeError
            The audit log cannot be written; what was recorded is kept for the next call.
        """
        for _ in range(-(-len(self._waiting) // _BATCH)):
            with self._lock:  # nothing but this thread takes anything out
                batch = list(islice(self._waiting, _BATCH))
            with self._store.writer() as writer:
                writer.audit.append(batch)
            with self._lock:
                for _ in batch:
                    self._waiting.popleft()


def some(ids: Iterable[int]) -> dict[str, Any]:
    """Return how many entries there are and the first of them, for the detail of a row."""
    listed = list(ids)
    return {"hits": len(listed), "entries": listed[:_NAMED]}
