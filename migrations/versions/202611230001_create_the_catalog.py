"""Create the catalog and give its log an identity.

Revision ID: 202611230001
Revises:
Create Date: 2026-11-23
"""

from uuid import uuid4

import sqlalchemy as sa
from alembic import op

revision = "202611230001"
down_revision = None
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)


def partial_index(name: str, table: str, columns: list[str], where: str, *, unique: bool) -> None:
    condition = sa.text(where)
    op.create_index(
        name,
        table,
        columns,
        unique=unique,
        sqlite_where=condition,
        postgresql_where=condition,
    )


def upgrade() -> None:
    info = op.create_table(
        "catalog_info",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("log_id", sa.String(36), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_catalog_info_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_catalog_info")),
    )
    op.bulk_insert(info, [{"id": 1, "log_id": str(uuid4())}])
    op.create_table(
        "spaces",
        sa.Column("id", ID, nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("architecture", sa.Text(), nullable=False),
        sa.Column("dimension", sa.Integer(), nullable=False),
        sa.Column("labels", sa.JSON(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_spaces")),
        sa.UniqueConstraint("fingerprint", name=op.f("uq_spaces_fingerprint")),
    )
    op.create_table(
        "images",
        sa.Column("id", ID, nullable=False),
        sa.Column("sha256", sa.LargeBinary(32), nullable=False),
        sa.Column("md5", sa.LargeBinary(16), nullable=False),
        sa.Column("pdq", sa.LargeBinary(32), nullable=False),
        sa.Column("pdq_quality", sa.SmallInteger(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("frame_count", sa.Integer(), nullable=False),
        sa.Column("byte_size", sa.BigInteger(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("removed_at", MOMENT, nullable=True),
        sa.CheckConstraint("length(sha256) = 32", name=op.f("ck_images_sha256_is_32_bytes")),
        sa.CheckConstraint("length(pdq) = 32", name=op.f("ck_images_pdq_is_32_bytes")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_images")),
        sa.UniqueConstraint("sha256", name=op.f("uq_images_sha256")),
    )
    op.create_table(
        "sources",
        sa.Column("id", ID, nullable=False),
        sa.Column("image_id", ID, nullable=False),
        sa.Column("uri", sa.Text(), nullable=False),
        sa.Column("uri_sha256", sa.LargeBinary(32), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("mtime_ns", sa.BigInteger(), nullable=False),
        sa.Column("first_seen_at", MOMENT, nullable=False),
        sa.Column("closed_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["image_id"], ["images.id"], op.f("fk_sources_image_id_images")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sources")),
    )
    op.create_index(op.f("ix_sources_image_id"), "sources", ["image_id"])
    partial_index(
        "uq_sources_open_uri", "sources", ["uri_sha256"], "closed_at IS NULL", unique=True
    )
    op.create_table(
        "embeddings",
        sa.Column("image_id", ID, nullable=False),
        sa.Column("space_id", ID, nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["image_id"], ["images.id"], op.f("fk_embeddings_image_id_images")),
        sa.ForeignKeyConstraint(["space_id"], ["spaces.id"], op.f("fk_embeddings_space_id_spaces")),
        sa.PrimaryKeyConstraint("image_id", "space_id", name=op.f("pk_embeddings")),
    )
    op.create_table(
        "classifications",
        sa.Column("image_id", ID, nullable=False),
        sa.Column("space_id", ID, nullable=False),
        sa.Column("top_label", sa.Text(), nullable=False),
        sa.Column("probabilities", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["image_id"], ["images.id"], op.f("fk_classifications_image_id_images")
        ),
        sa.ForeignKeyConstraint(
            ["space_id"], ["spaces.id"], op.f("fk_classifications_space_id_spaces")
        ),
        sa.PrimaryKeyConstraint("image_id", "space_id", name=op.f("pk_classifications")),
    )
    op.create_index(op.f("ix_classifications_top_label"), "classifications", ["top_label"])
    op.create_table(
        "banks",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.CheckConstraint("kind IN ('block', 'allow')", name=op.f("ck_banks_kind")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_banks")),
        sa.UniqueConstraint("name", name=op.f("uq_banks_name")),
    )
    op.create_table(
        "entries",
        sa.Column("id", ID, nullable=False),
        sa.Column("bank_id", ID, nullable=False),
        sa.Column("image_id", ID, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("removed_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["bank_id"], ["banks.id"], op.f("fk_entries_bank_id_banks")),
        sa.ForeignKeyConstraint(["image_id"], ["images.id"], op.f("fk_entries_image_id_images")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_entries")),
    )
    op.create_index(op.f("ix_entries_image_id"), "entries", ["image_id"])
    partial_index(
        "uq_entries_active", "entries", ["bank_id", "image_id"], "removed_at IS NULL", unique=True
    )
    op.create_table(
        "changes",
        sa.Column("number", ID, autoincrement=False, nullable=False),
        sa.Column("subject", sa.String(8), nullable=False),
        sa.Column("subject_id", ID, nullable=False),
        sa.Column("operation", sa.String(8), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.CheckConstraint(
            "subject IN ('image', 'entry', 'bank')", name=op.f("ck_changes_subject")
        ),
        sa.CheckConstraint("operation IN ('added', 'removed')", name=op.f("ck_changes_operation")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_changes")),
    )
    partial_index("ix_changes_of_banks", "changes", ["number"], "subject != 'image'", unique=False)
    op.create_table(
        "quarantine",
        sa.Column("id", ID, nullable=False),
        sa.Column("uri", sa.Text(), nullable=False),
        sa.Column("uri_sha256", sa.LargeBinary(32), nullable=False),
        sa.Column("code", sa.String(64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("first_seen_at", MOMENT, nullable=False),
        sa.Column("last_seen_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quarantine")),
        sa.UniqueConstraint("uri_sha256", name=op.f("uq_quarantine_uri_sha256")),
    )


def downgrade() -> None:
    for table in (
        "quarantine",
        "changes",
        "entries",
        "banks",
        "classifications",
        "embeddings",
        "sources",
        "images",
        "spaces",
        "catalog_info",
    ):
        op.drop_table(table)
