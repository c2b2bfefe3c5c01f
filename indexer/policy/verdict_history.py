"""Verdict history: verdicts on pictures, kept for a while to test policies on."""

from collections import deque
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Final

from indexer.errors import UnavailableError
from indexer.settings import Settings
from indexer.store import Store
from indexer.types import NewVerdict, Ruling, Verdict, VerdictEvidence

_CAPACITY: Final = 10_000  # verdicts that wait to be written; the oldest make room


class VerdictHistory:
    """Collects verdicts in memory, and writes them to the database on `flush`.

    Of a verdict the SHA-256 of the query's bytes, the tier, class probabilities, the strongest
    log-odds of each bank and tier, and the policy's ruling are stored: no pixels, no names. Those
    that are not written yet are lost with the process. Safe to use from several threads.
    """

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._keep = settings.keep_verdicts
        self._age = timedelta(days=settings.verdict_days)
        self._waiting: deque[NewVerdict] = deque(maxlen=_CAPACITY)
        self._lock = Lock()

    def record(self, verdict: Verdict, evidence: VerdictEvidence) -> None:
        """Remember a verdict on a picture, given now."""
        if not self._keep:
            return
        action, policy = verdict.action, verdict.policy
        ruling = Ruling(action, policy) if action and policy else None
        digest = bytes.fromhex(verdict.sha256)
        new = NewVerdict(datetime.now(UTC), digest, verdict.tier, evidence, ruling)
        with self._lock:
            self._waiting.append(new)

    def flush(self) -> None:
        """Write what was recorded since the last call, and delete what is too old or too much.

        Raises
        ------
        UnavailableError
            The database cannot be written; the verdicts are kept for the next call.
        """
        with self._lock:
            batch, self._waiting = self._waiting, deque(maxlen=_CAPACITY)
        if not batch:
            return
        try:
            with self._store.writer() as writer:
                writer.verdicts.add(batch)
                writer.verdicts.trim(self._keep, datetime.now(UTC) - self._age)
        except UnavailableError:
            with self._lock:
                self._waiting = deque([*batch, *self._waiting], maxlen=_CAPACITY)
            raise
