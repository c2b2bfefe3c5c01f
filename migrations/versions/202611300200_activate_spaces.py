"""Know which embedding space the index is in, so that it can be brought over to another.

Revision ID: 202611300200
Revises: 202611300100
Create Date: 2026-11-30
"""

import sqlalchemy as sa
from alembic import op

revision = "202611300200"
down_revision = "202611300100"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("spaces", sa.Column("activated_at", sa.DateTime(timezone=True)))
    op.execute(
        "UPDATE spaces SET activated_at = created_at WHERE id = (SELECT min(id) FROM spaces)"
    )


def downgrade() -> None:
    """Go back; programs of the older schema take the first space for the index's."""
    op.drop_column("spaces", "activated_at")
