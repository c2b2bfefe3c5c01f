"""Keep on threshold cards where the rate of other sources of images lies.

Cards of before do not say it.

Revision ID: 202611301320
Revises: 202611301300
Create Date: 2026-11-30
"""

import sqlalchemy as sa
from alembic import op

revision = "202611301320"
down_revision = "202611301300"
branch_labels = None
depends_on = None

_COLUMNS = {
    "source_count": sa.BigInteger,
    "prediction_low": sa.Float,
    "prediction_high": sa.Float,
}


def upgrade() -> None:
    for name, kind in _COLUMNS.items():
        op.add_column("threshold_cards", sa.Column(name, kind(), nullable=True))


def downgrade() -> None:
    """Go back; what the cards say of other sources is lost."""
    with op.batch_alter_table("threshold_cards") as table:
        for name in _COLUMNS:
            table.drop_column(name)
