"""Index what the console counts and lists: deliveries, removed images, clusters by size.

Revision ID: 202611302130
Revises: 202611301840
Create Date: 2026-11-30
"""

import sqlalchemy as sa
from alembic import op

revision = "202611302130"
down_revision = "202611301840"
branch_labels = None
depends_on = None

_DELIVERIES = "webhook_deliveries"
_DEAD = sa.text("dead_at IS NOT NULL")
_REMOVED = sa.text("removed_at IS NOT NULL")


def upgrade() -> None:
    op.create_index("ix_webhook_deliveries_of_webhook", _DELIVERIES, ["webhook_id", "id"])
    op.create_index(
        "ix_webhook_deliveries_dead",
        _DELIVERIES,
        ["webhook_id", "id"],
        sqlite_where=_DEAD,
        postgresql_where=_DEAD,
    )
    op.drop_index("ix_webhook_deliveries_webhook_id", _DELIVERIES)
    op.create_index(
        "ix_images_removed",
        "images",
        ["id"],
        sqlite_where=_REMOVED,
        postgresql_where=_REMOVED,
    )
    op.create_index("ix_run_clusters_by_size", "run_clusters", ["run_id", "size", "cluster_id"])


def downgrade() -> None:
    op.drop_index("ix_run_clusters_by_size", "run_clusters")
    op.drop_index("ix_images_removed", "images")
    op.create_index("ix_webhook_deliveries_webhook_id", _DELIVERIES, ["webhook_id"])
    op.drop_index("ix_webhook_deliveries_dead", _DELIVERIES)
    op.drop_index("ix_webhook_deliveries_of_webhook", _DELIVERIES)
