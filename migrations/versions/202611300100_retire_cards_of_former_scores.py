"""Retire threshold cards of scores that no longer decide: cosines and fused scores.

Revision ID: 202611300100
Revises: 202611300001
Create Date: 2026-11-30
"""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "202611300100"
down_revision = "202611300001"
branch_labels = None
depends_on = None

CARDS = sa.table(
    "threshold_cards",
    sa.column("signal", sa.String),
    sa.column("retired_at", sa.DateTime(timezone=True)),
)


def upgrade() -> None:
    op.execute(
        CARDS.update()
        .where(CARDS.c.signal.in_(["embedding", "fused"]), CARDS.c.retired_at.is_(None))
        .values(retired_at=datetime.now(UTC))
    )


def downgrade() -> None:
    """Leave them retired: calibrate again."""
