"""Remember how much of the log was looked at for templates.

Revision ID: 202611300500
Revises: 202611300400
Create Date: 2026-11-30
"""

import sqlalchemy as sa
from alembic import op

revision = "202611300500"
down_revision = "202611300400"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "template_learning",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column(
            "watermark", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name="pk_template_learning"),
        sa.CheckConstraint("id = 1", name=op.f("ck_template_learning_one_row")),
    )


def downgrade() -> None:
    op.drop_table("template_learning")
