"""Name the classifier of a space, which may be another one than its network's own.

Revision ID: 202611301600
Revises: 202611301320
Create Date: 2026-11-30
"""

import sqlalchemy as sa
from alembic import op

revision = "202611301600"
down_revision = "202611301320"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("spaces", sa.Column("classifier", sa.Text(), nullable=True))


def downgrade() -> None:
    """Go back; programs of the older schema refuse no other classifier."""
    op.drop_column("spaces", "classifier")
