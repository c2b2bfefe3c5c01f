"""Keep people's settings of the console, and the views that they saved.

Revision ID: 202611301830
Revises: 202611301820
Create Date: 2026-11-30
"""

import sqlalchemy as sa
from alembic import op

revision = "202611301830"
down_revision = "202611301820"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "personal_settings",
        sa.Column("person", sa.String(length=64), nullable=False),
        sa.Column("settings", sa.JSON(none_as_null=True), nullable=True),
        sa.PrimaryKeyConstraint("person", name=op.f("pk_personal_settings")),
    )
    op.create_table(
        "saved_views",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("person", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("screen", sa.String(length=64), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_saved_views")),
        sa.UniqueConstraint(
            "person", "screen", "name", name=op.f("uq_saved_views_person_screen_name")
        ),
    )


def downgrade() -> None:
    op.drop_table("saved_views")
    op.drop_table("personal_settings")
