"""The tables of ingest jobs: sources listed into parts, and who works on each."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from indexer.store.models.base import Base, Id, index_while


class IngestJobRow(Base):
    """A job: sources to add with the same options."""

    __tablename__ = "ingest_jobs"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    options: Mapped[dict[str, Any]] = mapped_column(JSON)
    created_at: Mapped[datetime]
    listed_at: Mapped[datetime | None]  # NULL while its sources are being listed


class IngestPartRow(Base):
    """A part of a job: a worker has it while its lease lasts."""

    __tablename__ = "ingest_parts"
    __table_args__ = (
        CheckConstraint("state IN ('waiting', 'running', 'done', 'quarantined')", "state"),
        CheckConstraint("state = 'done' OR content IS NOT NULL", "has_content_until_done"),
        CheckConstraint(
            "state <> 'running' OR (worker IS NOT NULL AND lease_expires_at IS NOT NULL)",
            "running_has_lease",
        ),
        UniqueConstraint("job_id", "number"),
        index_while("ix_ingest_parts_open", "state IN ('waiting', 'running')", "id"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    job_id: Mapped[int] = mapped_column(ForeignKey("ingest_jobs.id"))
    number: Mapped[int]
    label: Mapped[str]
    images: Mapped[int | None]
    content: Mapped[bytes | None] = mapped_column(LargeBinary)  # packed; NULL once done
    state: Mapped[str] = mapped_column(String(16))
    attempts: Mapped[int]  # since a new image of it was committed
    worker: Mapped[str | None]
    lease_expires_at: Mapped[datetime | None]
    processed: Mapped[int]
    added: Mapped[int]
    skipped: Mapped[int]
    reason: Mapped[str | None]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
