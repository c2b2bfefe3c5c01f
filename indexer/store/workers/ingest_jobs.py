"""Ingest jobs and their parts: what is to be added, and how far workers are."""

from typing import Any

from sqlalchemy import ColumnElement, Row, func, literal_column, select

from indexer.store.models import IngestJobRow, IngestPartRow
from indexer.store.queries import Queries, from_row, require
from indexer.types import IngestJob, IngestJobOptions, IngestPart, IngestPartState

OPEN = IngestPartRow.state.in_(
    [
        literal_column(f"'{state.value}'")
        for state in (IngestPartState.WAITING, IngestPartState.RUNNING)
    ]
)
"""Literal, so that SQLite's planner can prove its index fits."""
"""Parts that are to be worked on, or are being."""


class IngestJobs(Queries):
    """The jobs within one transaction."""

    def get(self, name: str) -> IngestJob:
        """Return a job.

        Raises
        ------
        NotFoundError
            There is no such job.
        """
        return require(
            self._jobs_where(IngestJobRow.name == name),
            f"There is no ingest job {name!r}. `lookalike index job list` shows them.",
        )

    def page(self, *, after_id: int = 0, limit: int | None = None) -> list[IngestJob]:
        """Return a page of the jobs, oldest first."""
        return self._jobs_where(IngestJobRow.id > after_id, limit=limit)

    def parts(
        self,
        name: str | None = None,
        *,
        state: IngestPartState | None = None,
        after_id: int = 0,
        limit: int | None = None,
    ) -> list[IngestPart]:
        """Return a page of the parts of a job or of all, in the order in which they are taken.

        Raises
        ------
        NotFoundError
            There is no such job.
        """
        conditions = [IngestPartRow.id > after_id]
        if name is not None:
            conditions.append(IngestPartRow.job_id == self.get(name).id)
        if state is not None:
            conditions.append(IngestPartRow.state == state.value)
        table = IngestPartRow.__table__
        shown = [column for column in table.c if column.name != "content"]
        statement = (
            select(*shown, IngestJobRow.name.label("job"))
            .select_from(table.join(IngestJobRow.__table__))
            .where(*conditions)
            .order_by(IngestPartRow.id)
            .limit(limit)
        )
        return [_part(row) for row in self._connection.execute(statement)]

    def count_open(self, name: str | None = None) -> int:
        """Count the parts of a job, or of all, that are waiting or being worked on.

        Raises
        ------
        NotFoundError
            There is no such job.
        """
        conditions: list[ColumnElement[bool]] = [OPEN]
        if name is not None:
            conditions.append(IngestPartRow.job_id == self.get(name).id)
        return self._count(IngestPartRow, *conditions)

    def _jobs_where(
        self, *conditions: ColumnElement[bool], limit: int | None = None
    ) -> list[IngestJob]:
        jobs = select(IngestJobRow.__table__).where(*conditions).order_by(IngestJobRow.id)
        rows = self._connection.execute(jobs.limit(limit)).all()
        counts = self._counts([row.id for row in rows])
        return [_job(row, counts.get(row.id, {})) for row in rows]

    def _counts(self, job_ids: list[int]) -> dict[int, dict[str, Row[*tuple[Any, ...]]]]:
        """Add up the parts of jobs by job and state."""
        part = IngestPartRow
        statement = select(
            part.job_id,
            part.state,
            func.count().label("parts"),
            func.coalesce(func.sum(part.images), 0).label("images"),
            func.sum(part.added).label("added"),
            func.sum(part.skipped).label("skipped"),
        ).group_by(part.job_id, part.state)
        counts: dict[int, dict[str, Row[*tuple[Any, ...]]]] = {}
        for row in self._rows(statement, part.job_id, job_ids):
            counts.setdefault(row.job_id, {})[row.state] = row
        return counts


def _job(row: Row[*tuple[Any, ...]], by_state: dict[str, Row[*tuple[Any, ...]]]) -> IngestJob:
    def total(name: str) -> int:
        return sum(int(getattr(counts, name)) for counts in by_state.values())

    return IngestJob(
        id=row.id,
        name=row.name,
        options=IngestJobOptions(**row.options),
        created_at=row.created_at,
        listed_at=row.listed_at,
        **{
            state.value: by_state[state.value].parts if state.value in by_state else 0
            for state in IngestPartState
        },
        **{name: total(name) for name in ("images", "added", "skipped")},
    )


def _part(row: Row[*tuple[Any, ...]]) -> IngestPart:
    return from_row(IngestPart, row, state=IngestPartState(row.state))
