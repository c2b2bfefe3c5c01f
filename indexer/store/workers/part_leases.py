"""Leases of ingest parts: one worker at a time has a part; a dead worker's is free again."""

from datetime import timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, or_, select, update

from indexer.store.models import IngestJobRow, IngestPartRow
from indexer.store.queries import DatedQueries
from indexer.store.workers.ingest_jobs import OPEN, IngestJobs
from indexer.types import (
    MOST_ATTEMPTS,
    ClaimedPart,
    IngestJobOptions,
    IngestPartState,
    PartProgress,
)

_REASON_CHARACTERS: Final = 2_000
_RUNNING: Final = IngestPartRow.state == IngestPartState.RUNNING.value


class IngestPartLeases(DatedQueries):
    """The leases within a transaction that writes; it does not need the log's lock."""

    def take(self, worker: str, lease: timedelta, job: str | None = None) -> ClaimedPart | None:
        """Take the first part that nobody has, or whose worker's lease has expired.

        Parts that another transaction is taking are passed over: nobody waits, and no two workers
        get one. A part that `MOST_ATTEMPTS` workers in a row took, and lost without committing a
        new image, goes to quarantine instead.

        Parameters
        ----------
        worker : str
            Name of the process, unlike all others.
        lease : timedelta
        job : str, optional
            Only parts of this job.

        Returns
        -------
        ClaimedPart or None
            None when there is nothing to take now.

        Raises
        ------
        NotFoundError
            There is no such job.
        """
        conditions: list[ColumnElement[bool]] = [OPEN]
        if job is not None:
            conditions.append(IngestPartRow.job_id == IngestJobs(self._connection).get(job).id)
        expired = and_(_RUNNING, IngestPartRow.lease_expires_at <= self._now)
        self._quarantine_deadly(expired)
        free = or_(IngestPartRow.state == IngestPartState.WAITING.value, expired)
        first = select(IngestPartRow.id).where(free, *conditions).order_by(IngestPartRow.id)
        part_id = self._connection.scalar(first.limit(1).with_for_update(skip_locked=True))
        if part_id is None:
            return None
        self._connection.execute(
            update(IngestPartRow)
            .where(IngestPartRow.id == part_id)
            .values(
                state=IngestPartState.RUNNING.value,
                attempts=IngestPartRow.attempts + 1,
                worker=worker,
                lease_expires_at=self._now + lease,
                processed=0,
                skipped=0,
                started_at=self._now,
                ended_at=None,
            )
        )
        part, of = IngestPartRow, IngestJobRow
        columns = (part.id, part.number, part.label, part.images, part.content, of.options)
        row = self._connection.execute(
            select(*columns, of.name.label("job")).join(of).where(part.id == part_id)
        ).one()
        return ClaimedPart(
            row.id,
            row.job,
            row.number,
            row.label,
            row.images,
            IngestJobOptions(**row.options),
            row.content or b"",
        )

    def advance(
        self,
        part_id: int,
        worker: str,
        lease: timedelta,
        progress: PartProgress,
        *,
        is_last: bool = False,
    ) -> bool:
        """Count what this transaction adds, and renew the lease or, at the last batch, end it.

        Returns
        -------
        bool
            Whether the worker still has the part. If not, another has taken it, and nothing of
            this transaction may be committed.
        """
        part = IngestPartRow
        values: dict[str, Any] = {
            "processed": part.processed + progress.processed,
            "added": part.added + progress.added,
            "skipped": part.skipped + progress.skipped,
            "lease_expires_at": self._now + lease,
        }
        if progress.is_new:
            values["attempts"] = 1
        if is_last:
            values |= {
                "state": IngestPartState.DONE.value,
                "content": None,
                "lease_expires_at": None,
                "reason": None,
                "ended_at": self._now,
            }
        return self._update_held(part_id, worker, values)

    def give_back(self, part_id: int, worker: str) -> bool:
        """End a lease before the part is done, without blame; return whether the worker had it."""
        return self._update_held(
            part_id,
            worker,
            {
                "state": IngestPartState.WAITING.value,
                "attempts": IngestPartRow.attempts - 1,
                "lease_expires_at": None,
                "ended_at": self._now,
            },
        )

    def fail(self, part_id: int, worker: str, reason: str) -> bool:
        """End a lease with an error; after `MOST_ATTEMPTS` of them the part is quarantined.

        Returns
        -------
        bool
            Whether it is quarantined now; not if the worker did not have it any more.
        """
        row = self._connection.execute(
            select(IngestPartRow.attempts).where(*_held(part_id, worker)).with_for_update()
        ).first()
        if row is None:
            return False
        given_up: bool = row.attempts >= MOST_ATTEMPTS
        state = IngestPartState.QUARANTINED if given_up else IngestPartState.WAITING
        self._update_held(
            part_id,
            worker,
            {
                "state": state.value,
                "lease_expires_at": None,
                "reason": reason[:_REASON_CHARACTERS],
                "ended_at": self._now,
            },
        )
        return given_up

    def _quarantine_deadly(self, expired: ColumnElement[bool]) -> None:
        """Quarantine the parts that the last workers in a row have died of."""
        deadly = update(IngestPartRow).where(OPEN, expired, IngestPartRow.attempts >= MOST_ATTEMPTS)
        self._connection.execute(
            deadly.values(
                state=IngestPartState.QUARANTINED.value,
                reason=(
                    f"{MOST_ATTEMPTS} workers in a row ended while they had this part, without "
                    "committing a new image of it. Look at the log of the last one."
                ),
                lease_expires_at=None,
                ended_at=self._now,
            )
        )

    def _update_held(self, part_id: int, worker: str, values: dict[str, Any]) -> bool:
        held = update(IngestPartRow).where(*_held(part_id, worker))
        changed: int = self._connection.execute(held.values(**values)).rowcount
        return changed > 0


def _held(part_id: int, worker: str) -> list[ColumnElement[bool]]:
    return [IngestPartRow.id == part_id, IngestPartRow.worker == worker, _RUNNING]
