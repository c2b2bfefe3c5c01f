"""Keep the local features of images beside their thumbnails.

Revision ID: 202611300400
Revises: 202611300300
Create Date: 2026-11-30
"""

import sqlalchemy as sa
from alembic import op

revision = "202611300400"
down_revision = "202611300300"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("thumbnails", sa.Column("features", sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("thumbnails") as table:
        table.drop_column("features")
