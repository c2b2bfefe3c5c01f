"""Keep cluster runs, what each found, and what analysts do about it.

Revision ID: 202611280003
Revises: 202611280002
Create Date: 2026-11-28
"""

import sqlalchemy as sa
from alembic import op

revision = "202611280003"
down_revision = "202611280002"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "cluster_runs",
        sa.Column("id", ID, nullable=False),
        sa.Column("algorithm", sa.String(16), nullable=False),
        sa.Column("parameters", sa.JSON(), nullable=False),
        sa.Column("scope", sa.JSON(), nullable=False),
        sa.Column("space_id", ID, nullable=False),
        sa.Column("watermark", sa.BigInteger(), nullable=False),
        sa.Column("previous_run_id", ID, nullable=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("images", sa.BigInteger(), nullable=False),
        sa.Column("clusters", sa.BigInteger(), nullable=False),
        sa.Column("noise", sa.BigInteger(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("finished_at", MOMENT, nullable=True),
        sa.CheckConstraint(
            "algorithm IN ('hdbscan', 'kmeans', 'near_duplicates')",
            name=op.f("ck_cluster_runs_algorithm"),
        ),
        sa.CheckConstraint(
            "state IN ('running', 'done', 'cancelled', 'failed')",
            name=op.f("ck_cluster_runs_state"),
        ),
        sa.ForeignKeyConstraint(
            ["space_id"], ["spaces.id"], name=op.f("fk_cluster_runs_space_id_spaces")
        ),
        sa.ForeignKeyConstraint(
            ["previous_run_id"],
            ["cluster_runs.id"],
            name=op.f("fk_cluster_runs_previous_run_id_cluster_runs"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cluster_runs")),
    )
    op.create_table(
        "clusters",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clusters")),
    )
    op.create_table(
        "run_clusters",
        sa.Column("run_id", ID, nullable=False),
        sa.Column("cluster_id", ID, nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("medoid_id", ID, nullable=False),
        sa.Column("exemplars", sa.JSON(), nullable=False),
        sa.Column("radius", sa.Float(), nullable=False),
        sa.Column("max_pair_distance", sa.Float(), nullable=False),
        sa.Column("medoid", sa.LargeBinary(), nullable=False),
        sa.Column("first_seen", MOMENT, nullable=False),
        sa.Column("last_seen", MOMENT, nullable=False),
        sa.Column("growth_per_day", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["cluster_runs.id"], name=op.f("fk_run_clusters_run_id_cluster_runs")
        ),
        sa.ForeignKeyConstraint(
            ["cluster_id"], ["clusters.id"], name=op.f("fk_run_clusters_cluster_id_clusters")
        ),
        sa.ForeignKeyConstraint(
            ["medoid_id"], ["images.id"], name=op.f("fk_run_clusters_medoid_id_images")
        ),
        sa.PrimaryKeyConstraint("run_id", "cluster_id", name=op.f("pk_run_clusters")),
    )
    op.create_index(op.f("ix_run_clusters_cluster_id"), "run_clusters", ["cluster_id"])
    op.create_table(
        "cluster_members",
        sa.Column("run_id", ID, nullable=False),
        sa.Column("image_id", ID, nullable=False),
        sa.Column("cluster_id", ID, nullable=True),
        sa.Column("probability", sa.Float(), nullable=False),
        sa.Column("outlier_score", sa.Float(), nullable=False),
        sa.Column("assigned", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["cluster_runs.id"], name=op.f("fk_cluster_members_run_id_cluster_runs")
        ),
        sa.ForeignKeyConstraint(
            ["image_id"], ["images.id"], name=op.f("fk_cluster_members_image_id_images")
        ),
        sa.ForeignKeyConstraint(
            ["cluster_id"], ["clusters.id"], name=op.f("fk_cluster_members_cluster_id_clusters")
        ),
        sa.PrimaryKeyConstraint("run_id", "image_id", name=op.f("pk_cluster_members")),
    )
    op.create_index(op.f("ix_cluster_members_image_id"), "cluster_members", ["image_id"])
    op.create_index(
        "ix_cluster_members_of_cluster", "cluster_members", ["run_id", "cluster_id", "image_id"]
    )
    op.create_table(
        "cluster_lineage",
        sa.Column("id", ID, nullable=False),
        sa.Column("run_id", ID, nullable=False),
        sa.Column("event", sa.String(16), nullable=False),
        sa.Column("cluster_id", ID, nullable=False),
        sa.Column("other_id", ID, nullable=True),
        sa.Column("shared", sa.BigInteger(), nullable=False),
        sa.Column("size_before", sa.BigInteger(), nullable=False),
        sa.Column("size_after", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "event IN ('new', 'continued', 'grown', 'merged', 'split', 'gone')",
            name=op.f("ck_cluster_lineage_event"),
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["cluster_runs.id"], name=op.f("fk_cluster_lineage_run_id_cluster_runs")
        ),
        sa.ForeignKeyConstraint(
            ["cluster_id"], ["clusters.id"], name=op.f("fk_cluster_lineage_cluster_id_clusters")
        ),
        sa.ForeignKeyConstraint(
            ["other_id"], ["clusters.id"], name=op.f("fk_cluster_lineage_other_id_clusters")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cluster_lineage")),
    )
    op.create_index(op.f("ix_cluster_lineage_run_id"), "cluster_lineage", ["run_id"])
    op.create_index(op.f("ix_cluster_lineage_cluster_id"), "cluster_lineage", ["cluster_id"])
    op.create_table(
        "cluster_actions",
        sa.Column("id", ID, nullable=False),
        sa.Column("cluster_id", ID, nullable=False),
        sa.Column("run_id", ID, nullable=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("undone_at", MOMENT, nullable=True),
        sa.CheckConstraint(
            "kind IN ('label', 'note', 'bank', 'decision')", name=op.f("ck_cluster_actions_kind")
        ),
        sa.ForeignKeyConstraint(
            ["cluster_id"], ["clusters.id"], name=op.f("fk_cluster_actions_cluster_id_clusters")
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["cluster_runs.id"], name=op.f("fk_cluster_actions_run_id_cluster_runs")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cluster_actions")),
    )
    op.create_index(op.f("ix_cluster_actions_cluster_id"), "cluster_actions", ["cluster_id"])


def downgrade() -> None:
    for table in (
        "cluster_actions",
        "cluster_lineage",
        "cluster_members",
        "run_clusters",
        "clusters",
        "cluster_runs",
    ):
        op.drop_table(table)
