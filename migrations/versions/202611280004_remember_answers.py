"""Remember what requests were answered, and look images and entries up by age and MD5.

Revision ID: 202611280004
Revises: 202611280003
Create Date: 2026-11-28
"""

import sqlalchemy as sa
from alembic import op

revision = "202611280004"
down_revision = "202611280003"
branch_labels = None
depends_on = None

LOOKED_UP = (("images", "md5"), ("images", "created_at"), ("entries", "created_at"))


def upgrade() -> None:
    op.create_table(
        "answers",
        sa.Column("caller", sa.Text(), nullable=False),
        sa.Column("key", sa.String(255), nullable=False),
        sa.Column("request_sha256", sa.LargeBinary(32), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "length(request_sha256) = 32", name=op.f("ck_answers_request_sha256_is_32_bytes")
        ),
        sa.PrimaryKeyConstraint("caller", "key", name=op.f("pk_answers")),
    )
    op.create_index(op.f("ix_answers_created_at"), "answers", ["created_at"])
    for table, column in LOOKED_UP:
        op.create_index(op.f(f"ix_{table}_{column}"), table, [column])


def downgrade() -> None:
    for table, column in LOOKED_UP:
        op.drop_index(op.f(f"ix_{table}_{column}"), table)
    op.drop_table("answers")
