"""Know vector engines, and what each of them holds of the log.

Revision ID: 202611302210
Revises: 202611302200
Create Date: 2026-11-30
"""

import sqlalchemy as sa
from alembic import op

revision = "202611302210"
down_revision = "202611302200"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "vector_engines",
        sa.Column("address", sa.String(512), nullable=False),
        sa.Column("collection", sa.String(64), nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("watermark", sa.BigInteger, nullable=False),
        sa.Column("vectors", sa.BigInteger, nullable=False),
        sa.Column("recall", sa.Double),
        sa.Column("recall_queries", sa.Integer),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("state IN ('joining', 'active', 'former')", name="state"),
        sa.PrimaryKeyConstraint("address", "collection"),
    )


def downgrade() -> None:
    op.drop_table("vector_engines")
