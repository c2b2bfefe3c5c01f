"""Keep which decision dismissed a review item, and what else its decision asked for.

Two indexes make it quick to count what waits, and to find what a bank or a person has of it.

Revision ID: 202611301840
Revises: 202611301830
Create Date: 2026-11-30
"""

import sqlalchemy as sa
from alembic import op

revision = "202611301840"
down_revision = "202611301830"
branch_labels = None
depends_on = None


def upgrade() -> None:
    kind = "INTEGER" if op.get_bind().dialect.name == "sqlite" else "BIGINT"
    op.execute(
        f"ALTER TABLE review_items ADD COLUMN dismissed_by {kind} "
        "CONSTRAINT fk_review_items_dismissed_by_decisions REFERENCES decisions (id)"
    )  # without a copy of the table, which would lose its checks in SQLite
    op.add_column("review_items", sa.Column("act", sa.JSON(none_as_null=True), nullable=True))
    op.create_index(op.f("ix_review_items_dismissed_by"), "review_items", ["dismissed_by"])
    op.create_index(op.f("ix_review_items_decision_id"), "review_items", ["decision_id"])
    columns = ["queue", "bank_id", "rank", "due_at", "id", "severity", "created_at"]
    for name, where, of in (
        ("ix_review_items_waiting", "state = 'open'", [*columns, "lease_expires_at"]),
        ("ix_review_items_leased_by", "leased_by IS NOT NULL", ["leased_by"]),
    ):
        condition = sa.text(where)
        op.create_index(
            name, "review_items", of, sqlite_where=condition, postgresql_where=condition
        )


def downgrade() -> None:
    """Go back; lost is which decision dismissed an item, and what waits for a signature."""
    op.drop_index("ix_review_items_leased_by", "review_items")
    op.drop_index("ix_review_items_waiting", "review_items")
    op.drop_index(op.f("ix_review_items_decision_id"), "review_items")
    op.drop_index(op.f("ix_review_items_dismissed_by"), "review_items")
    op.drop_column("review_items", "act")
    op.drop_column("review_items", "dismissed_by")
