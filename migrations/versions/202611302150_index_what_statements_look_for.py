"""Index what statements that run often look for: no growing table is read from end to end.

Revision ID: 202611302150
Revises: 202611302130
Create Date: 2026-11-30
"""

import sqlalchemy as sa
from alembic import op

revision = "202611302150"
down_revision = "202611302130"
branch_labels = None
depends_on = None

_CLOSED = sa.text("closed_at IS NOT NULL")
_DELIVERED = sa.text("delivered_at IS NOT NULL")


def upgrade() -> None:
    op.create_index(
        "ix_sources_closed_uri",
        "sources",
        ["uri_sha256"],
        sqlite_where=_CLOSED,
        postgresql_where=_CLOSED,
    )
    op.create_index(
        "ix_webhook_deliveries_delivered",
        "webhook_deliveries",
        ["delivered_at"],
        sqlite_where=_DELIVERED,
        postgresql_where=_DELIVERED,
    )
    op.create_index("ix_entry_hits_hour", "entry_hits", ["hour"])
    op.create_index("ix_retro_matches_image_id", "retro_matches", ["image_id"])
    op.create_index("ix_review_items_root_id", "review_items", ["root_id"])
    op.create_index("ix_sessions_expires_at", "sessions", ["expires_at"])


def downgrade() -> None:
    op.drop_index("ix_sessions_expires_at", "sessions")
    op.drop_index("ix_review_items_root_id", "review_items")
    op.drop_index("ix_retro_matches_image_id", "retro_matches")
    op.drop_index("ix_entry_hits_hour", "entry_hits")
    op.drop_index("ix_webhook_deliveries_delivered", "webhook_deliveries")
    op.drop_index("ix_sources_closed_uri", "sources")
