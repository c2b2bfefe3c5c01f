"""Lease of a part: every batch renews it in its own transaction, the last one ends it."""

from datetime import timedelta
from time import monotonic
from typing import Final

from indexer.store import Writer
from indexer.types import ClaimedPart, PartProgress

_RENEWALS: Final = 4  # in the time of one lease, where batches do not come as often


class LeaseLost(Exception):
    """Another worker has the part now: what is written for it must be rolled back."""


class PartLease:
    """A worker's hold of a part.

    Parameters
    ----------
    part : ClaimedPart
    worker : str
        Who took it.
    seconds : float
        How long it is the worker's after each renewal.
    """

    def __init__(self, part: ClaimedPart, worker: str, seconds: float) -> None:
        self.part: Final = part
        self.worker: Final = worker
        self._seconds = seconds
        self._renewed = monotonic()

    @property
    def is_due(self) -> bool:
        """Whether it should be renewed even if there is nothing to write."""
        return monotonic() - self._renewed > self._seconds / _RENEWALS

    def advance(self, writer: Writer, progress: PartProgress, *, is_last: bool) -> None:
        """Count a batch, and renew the lease or mark the part as done, within its transaction.

        Raises
        ------
        LeaseLost
            The lease had expired, and another worker has taken the part.
        """
        now = monotonic()
        lease = timedelta(seconds=self._seconds)
        held = writer.ingest_leases.advance(
            self.part.id, self.worker, lease, progress, is_last=is_last
        )
        if not held:
            raise LeaseLost
        self._renewed = now
