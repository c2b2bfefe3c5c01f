"""Keep ingest jobs: sources listed into parts for many workers.

Revision ID: 202611302155
Revises: 202611302150
Create Date: 2026-11-30
"""

import sqlalchemy as sa
from alembic import op

revision = "202611302155"
down_revision = "202611302150"
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)
_OPEN = sa.text("state IN ('waiting', 'running')")


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "ingest_jobs",
        sa.Column("id", number, nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("options", sa.JSON(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("listed_at", _MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ingest_jobs")),
        sa.UniqueConstraint("name", name=op.f("uq_ingest_jobs_name")),
    )
    op.create_table(
        "ingest_parts",
        sa.Column("id", number, nullable=False),
        sa.Column("job_id", number, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("images", sa.Integer(), nullable=True),
        sa.Column("content", sa.LargeBinary(), nullable=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("worker", sa.Text(), nullable=True),
        sa.Column("lease_expires_at", _MOMENT, nullable=True),
        sa.Column("processed", sa.Integer(), nullable=False),
        sa.Column("added", sa.Integer(), nullable=False),
        sa.Column("skipped", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("started_at", _MOMENT, nullable=True),
        sa.Column("ended_at", _MOMENT, nullable=True),
        sa.CheckConstraint(
            "state IN ('waiting', 'running', 'done', 'quarantined')",
            name=op.f("ck_ingest_parts_state"),
        ),
        sa.CheckConstraint(
            "state = 'done' OR content IS NOT NULL",
            name=op.f("ck_ingest_parts_has_content_until_done"),
        ),
        sa.CheckConstraint(
            "state <> 'running' OR (worker IS NOT NULL AND lease_expires_at IS NOT NULL)",
            name=op.f("ck_ingest_parts_running_has_lease"),
        ),
        sa.ForeignKeyConstraint(
            ["job_id"], ["ingest_jobs.id"], name=op.f("fk_ingest_parts_job_id_ingest_jobs")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ingest_parts")),
        sa.UniqueConstraint("job_id", "number", name=op.f("uq_ingest_parts_job_id_number")),
    )
    op.create_index(
        "ix_ingest_parts_open",
        "ingest_parts",
        ["id"],
        sqlite_where=_OPEN,
        postgresql_where=_OPEN,
    )


def downgrade() -> None:
    """Go back; lost is which parts of a job were done, and adding its sources again skips those."""
    op.drop_table("ingest_parts")
    op.drop_table("ingest_jobs")
