"""Keep the map of an embedding space.

Revision ID: 202611301700
Revises: 202611301600
Create Date: 2026-11-30
"""

import sqlalchemy as sa
from alembic import op

revision = "202611301700"
down_revision = "202611301600"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "maps",
        sa.Column("space_id", ID, nullable=False),
        sa.Column("images", sa.BigInteger(), nullable=False),
        sa.Column("landmark_ids", sa.LargeBinary(), nullable=False),
        sa.Column("places", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["space_id"], ["spaces.id"], name="fk_maps_space_id_spaces"),
        sa.PrimaryKeyConstraint("space_id", name="pk_maps"),
    )


def downgrade() -> None:
    op.drop_table("maps")
