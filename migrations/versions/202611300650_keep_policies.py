"""Keep policies by version, and verdicts to test them on.

Revision ID: 202611300650
Revises: 202611300600
Create Date: 2026-11-30
"""

import sqlalchemy as sa
from alembic import op

revision = "202611300650"
down_revision = "202611300600"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "policies",
        sa.Column("version", ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("retired_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("version", name="pk_policies"),
    )
    op.create_table(
        "verdicts",
        sa.Column("id", ID, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("query_sha256", sa.LargeBinary(32), nullable=False),
        sa.Column("tier", sa.String(16), nullable=False),
        sa.Column("evidence", sa.JSON(none_as_null=True), nullable=False),
        sa.Column(
            "policy_version",
            ID,
            sa.ForeignKey("policies.version", name="fk_verdicts_policy_version_policies"),
            nullable=True,
        ),
        sa.Column("action", sa.String(8), nullable=True),
        sa.Column("rule", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_verdicts"),
        sa.CheckConstraint(
            "length(query_sha256) = 32", name=op.f("ck_verdicts_query_sha256_is_32_bytes")
        ),
        sa.CheckConstraint(
            "tier IN ('exact', 'near_duplicate', 'lookalike', 'none')",
            name=op.f("ck_verdicts_tier"),
        ),
        sa.CheckConstraint(
            "action IN ('allow', 'review', 'block')", name=op.f("ck_verdicts_action")
        ),
    )
    op.create_index("ix_verdicts_at", "verdicts", ["at"])
    op.create_index("ix_verdicts_query_sha256", "verdicts", ["query_sha256"])


def downgrade() -> None:
    op.drop_table("verdicts")
    op.drop_table("policies")
