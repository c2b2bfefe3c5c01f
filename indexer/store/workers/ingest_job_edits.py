"""Edits of ingest jobs: beginning one, listing its parts, retrying and removing them."""

from collections.abc import Collection, Sequence
from dataclasses import asdict

from sqlalchemy import delete, func, select, update

from indexer.errors import InputError, NotFoundError
from indexer.store.edits import Edits
from indexer.store.models import IngestJobRow, IngestPartRow
from indexer.store.workers.ingest_jobs import IngestJobs
from indexer.types import IngestJob, IngestJobOptions, IngestPartState, NewIngestPart


class IngestJobEdits(IngestJobs, Edits):
    """The jobs within a writing transaction."""

    def begin(self, name: str | None, options: IngestJobOptions) -> IngestJob:
        """Make a job whose sources are to be listed.

        A job of this name whose listing broke off is begun again: the parts that nobody has taken
        are dropped, since all sources are listed once more. What its workers added is known by its
        stamps and skipped.

        Parameters
        ----------
        name : str, optional
            By default `job-` and its id.
        options : IngestJobOptions

        Raises
        ------
        InputError
            A job of this name was listed already.
        """
        found = [job for job in self.page() if job.name == name]
        if found and found[0].listed_at is not None:
            raise InputError(
                f"There is an ingest job {name!r} already. Choose another name, or remove it with "
                "`lookalike index job remove`; `lookalike index job list` shows how far it is."
            )
        if found:
            job_id = found[0].id
            dropped = delete(IngestPartRow).where(
                IngestPartRow.job_id == job_id,
                IngestPartRow.state == IngestPartState.WAITING.value,
            )
            self._connection.execute(dropped)
            self._connection.execute(
                update(IngestJobRow)
                .where(IngestJobRow.id == job_id)
                .values(options=asdict(options))
            )
            return self.get(found[0].name)
        if name is None:
            last = self._connection.scalar(select(func.max(IngestJobRow.id))) or 0
            name = f"job-{last + 1}"
        row = {"name": name, "options": asdict(options), "created_at": self._now}
        job_id = self._insert_one(IngestJobRow, row)
        self._audit.record("ingest_job.create", "ingest_job", job_id, name=name)
        return self.get(name)

    def add_parts(self, job: IngestJob, parts: Sequence[NewIngestPart]) -> None:
        """Append parts to a job; workers may take them at once."""
        last = self._connection.scalar(
            select(func.max(IngestPartRow.number)).where(IngestPartRow.job_id == job.id)
        )
        self._insert(
            IngestPartRow,
            [
                {
                    "job_id": job.id,
                    "number": number,
                    "label": part.label,
                    "images": part.images,
                    "content": part.content,
                    "state": IngestPartState.WAITING.value,
                    "attempts": 0,
                    "processed": 0,
                    "added": 0,
                    "skipped": 0,
                }
                for number, part in enumerate(parts, (last or 0) + 1)
            ],
        )

    def finish_listing(self, job: IngestJob) -> IngestJob:
        """Say that all sources of a job are listed."""
        listed = update(IngestJobRow).where(IngestJobRow.id == job.id)
        self._connection.execute(listed.values(listed_at=self._now))
        return self.get(job.name)

    def retry(self, name: str, numbers: Collection[int] = ()) -> int:
        """Let quarantined parts be taken again, with all their attempts; return how many.

        Parameters
        ----------
        name : str
            Of the job.
        numbers : collection of int
            Numbers of parts; all that are quarantined by default.

        Raises
        ------
        NotFoundError
            There is no such job, or a part of such a number is not quarantined.
        """
        job = self.get(name)
        quarantined = [IngestPartRow.job_id == job.id]
        quarantined.append(IngestPartRow.state == IngestPartState.QUARANTINED.value)
        found = set(self._connection.scalars(select(IngestPartRow.number).where(*quarantined)))
        if missing := sorted(set(numbers) - found):
            raise NotFoundError(
                f"Part {missing[0]} of ingest job {name!r} is not quarantined. `lookalike index "
                f"job parts {name} --state quarantined` shows those that are."
            )
        wanted = sorted(numbers or found)
        again = update(IngestPartRow).where(*quarantined, IngestPartRow.number.in_(wanted))
        self._connection.execute(
            again.values(state=IngestPartState.WAITING.value, attempts=0, reason=None)
        )
        if wanted:
            self._audit.record("ingest_job.retry", "ingest_job", job.id, parts=len(wanted))
        return len(wanted)

    def remove(self, name: str) -> IngestJob:
        """Forget a job and its parts; workers that have one stop. What was added stays.

        Returns
        -------
        IngestJob
            As it was.

        Raises
        ------
        NotFoundError
            There is no such job.
        """
        job = self.get(name)
        self._connection.execute(delete(IngestPartRow).where(IngestPartRow.job_id == job.id))
        self._connection.execute(delete(IngestJobRow).where(IngestJobRow.id == job.id))
        self._audit.record("ingest_job.remove", "ingest_job", job.id, name=name)
        return job
