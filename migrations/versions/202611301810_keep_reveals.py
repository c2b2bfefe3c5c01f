"""Keep reveals: who looked at which picture without its veil.

Revision ID: 202611301810
Revises: 202611301750
Create Date: 2026-11-30
"""

import sqlalchemy as sa
from alembic import op

revision = "202611301810"
down_revision = "202611301750"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "reveals",
        sa.Column("id", BIG, nullable=False),
        sa.Column("person", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("image_id", BIG, nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("seconds", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(
            ["image_id"], ["images.id"], name=op.f("fk_reveals_image_id_images")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reveals")),
    )
    op.create_index("ix_reveals_person", "reveals", ["person", "created_at"])
    op.create_index(op.f("ix_reveals_image_id"), "reveals", ["image_id"])


def downgrade() -> None:
    op.drop_table("reveals")
