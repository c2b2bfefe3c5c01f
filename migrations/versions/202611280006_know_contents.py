"""Know what other systems' consoles say of banks, signal types and contents.

Revision ID: 202611280006
Revises: 202611280005
Create Date: 2026-11-28
"""

import sqlalchemy as sa
from alembic import op

revision = "202611280006"
down_revision = "202611280005"
branch_labels = None
depends_on = None

SHARE = "ratio >= 0 AND ratio <= 1"
ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "bank_ratios",
        sa.Column("bank_id", ID, sa.ForeignKey("banks.id", name="fk_bank_ratios_bank_id_banks")),
        sa.Column("ratio", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("bank_id", name="pk_bank_ratios"),
        sa.CheckConstraint(
            "ratio > 0 AND ratio <= 1", name=op.f("ck_bank_ratios_ratio_is_a_share")
        ),
    )
    op.create_table(
        "signal_types",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("ratio", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_signal_types"),
        sa.CheckConstraint(SHARE, name=op.f("ck_signal_types_ratio_is_a_share")),
    )
    op.create_table(
        "contents",
        sa.Column("entry_id", ID, sa.ForeignKey("entries.id", name="fk_contents_entry_id_entries")),
        sa.Column(
            "content_id",
            ID,
            sa.ForeignKey("entries.id", name="fk_contents_content_id_entries"),
            nullable=False,
        ),
        sa.Column("named", sa.Text()),
        sa.Column("uri", sa.Text()),
        sa.Column("details", sa.JSON()),
        sa.PrimaryKeyConstraint("entry_id", name="pk_contents"),
    )
    op.create_index("ix_contents_content_id", "contents", ["content_id"])


def downgrade() -> None:
    for table in ("contents", "signal_types", "bank_ratios"):
        op.drop_table(table)
