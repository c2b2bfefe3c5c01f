"""Know families, copies of one picture, among the algorithms of cluster runs.

Runs of near_duplicates were groups within a cosine distance, by complete linkage; they stay as
they are, and no later run continues them with the parameters that they had.

Revision ID: 202611300600
Revises: 202611300500
Create Date: 2026-11-30
"""

from alembic import op

revision = "202611300600"
down_revision = "202611300500"
branch_labels = None
depends_on = None

_NAME = "ck_cluster_runs_algorithm"


def upgrade() -> None:
    _allow("'families', 'near_duplicates', 'hdbscan', 'kmeans'")


def downgrade() -> None:
    """Go back; runs of families are not known to the older schema and must be gone."""
    _allow("'hdbscan', 'kmeans', 'near_duplicates'")


def _allow(algorithms: str) -> None:
    with op.batch_alter_table("cluster_runs") as table:
        table.drop_constraint(op.f(_NAME), type_="check")
        table.create_check_constraint(op.f(_NAME), f"algorithm IN ({algorithms})")
