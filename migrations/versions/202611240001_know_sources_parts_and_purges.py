"""Let sources be of any kind, images have parts, and purged images leave a proof only.

Revision ID: 202611240001
Revises: 202611230001
Create Date: 2026-11-24
"""

import sqlalchemy as sa
from alembic import op

revision = "202611240001"
down_revision = "202611230001"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)
FINGERPRINTS = {  # what a purged image no longer has
    "md5": sa.LargeBinary(16),
    "pdq": sa.LargeBinary(32),
    "pdq_quality": sa.SmallInteger(),
    "width": sa.Integer(),
    "height": sa.Integer(),
    "format": sa.Text(),
    "frame_count": sa.Integer(),
    "byte_size": sa.BigInteger(),
}
ALL_THERE = " AND ".join(f"{name} IS NOT NULL" for name in FINGERPRINTS)
CHECKS = {
    "ck_images_complete_unless_purged": f"purged_at IS NOT NULL OR ({ALL_THERE})",
    "ck_images_purged_is_removed": "purged_at IS NULL OR removed_at IS NOT NULL",
}


def images(*, before: bool) -> sa.Table:
    """Describe the table: SQLite rebuilds it, and some versions forget its checks by themselves."""
    table = sa.Table(
        "images",
        sa.MetaData(),
        sa.Column("id", ID, nullable=False),
        sa.Column("sha256", sa.LargeBinary(32), nullable=False),
        *(sa.Column(name, kind, nullable=not before) for name, kind in FINGERPRINTS.items()),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("removed_at", MOMENT, nullable=True),
        sa.CheckConstraint("length(sha256) = 32", name=op.f("ck_images_sha256_is_32_bytes")),
        sa.CheckConstraint("length(pdq) = 32", name=op.f("ck_images_pdq_is_32_bytes")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_images")),
        sa.UniqueConstraint("sha256", name=op.f("uq_images_sha256")),
    )
    if not before:
        table.append_column(sa.Column("purged_at", MOMENT, nullable=True))
        for name, condition in CHECKS.items():
            table.append_constraint(sa.CheckConstraint(condition, name=op.f(name)))
    return table


def upgrade() -> None:
    with op.batch_alter_table("sources") as sources:
        sources.alter_column("size", existing_type=sa.BigInteger(), nullable=True)
        sources.alter_column(
            "mtime_ns",
            new_column_name="version",
            existing_type=sa.BigInteger(),
            existing_nullable=False,
            type_=sa.Text(),
            postgresql_using="mtime_ns::text",
        )
        sources.add_column(sa.Column("label", sa.Text(), nullable=True))
        sources.add_column(sa.Column("uploader", sa.Text(), nullable=True))
        sources.add_column(sa.Column("created_at", MOMENT, nullable=True))
        sources.add_column(sa.Column("free_metadata", sa.JSON(), nullable=True))
        sources.add_column(sa.Column("walk", sa.BigInteger(), nullable=True))
    with op.batch_alter_table("images", copy_from=images(before=True)) as table:
        for name, kind in FINGERPRINTS.items():
            table.alter_column(name, existing_type=kind, nullable=True)
        table.add_column(sa.Column("purged_at", MOMENT, nullable=True))
        for name, condition in CHECKS.items():
            table.create_check_constraint(op.f(name), condition)
    op.create_table(
        "parts",
        sa.Column("image_id", ID, nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("box", sa.JSON(), nullable=True),
        sa.Column("pdq", sa.LargeBinary(32), nullable=False),
        sa.Column("pdq_quality", sa.SmallInteger(), nullable=False),
        sa.CheckConstraint("part > 0", name=op.f("ck_parts_part_is_not_the_whole")),
        sa.CheckConstraint("kind IN ('frame', 'tile')", name=op.f("ck_parts_kind")),
        sa.CheckConstraint("length(pdq) = 32", name=op.f("ck_parts_pdq_is_32_bytes")),
        sa.ForeignKeyConstraint(["image_id"], ["images.id"], op.f("fk_parts_image_id_images")),
        sa.PrimaryKeyConstraint("image_id", "part", name=op.f("pk_parts")),
    )
    for table in ("embeddings", "classifications"):
        with op.batch_alter_table(table) as vectors:
            part = sa.Column("part", sa.Integer(), nullable=False, server_default=sa.text("0"))
            vectors.add_column(part)
            vectors.drop_constraint(op.f(f"pk_{table}"), type_="primary")
            vectors.create_primary_key(op.f(f"pk_{table}"), ["image_id", "space_id", "part"])


def downgrade() -> None:
    """Go back; what the older schema has no place for is lost: parts, and purged images wholly."""
    for table in ("classifications", "embeddings"):
        op.execute(f"DELETE FROM {table} WHERE part > 0")  # noqa: S608 -- a name from above
        with op.batch_alter_table(table) as vectors:
            vectors.drop_constraint(op.f(f"pk_{table}"), type_="primary")
            vectors.drop_column("part")
            vectors.create_primary_key(op.f(f"pk_{table}"), ["image_id", "space_id"])
    op.drop_table("parts")
    purged = "(SELECT id FROM images WHERE purged_at IS NOT NULL)"
    op.execute(f"DELETE FROM entries WHERE image_id IN {purged}")  # noqa: S608
    op.execute("DELETE FROM images WHERE purged_at IS NOT NULL")
    with op.batch_alter_table("images", copy_from=images(before=False)) as table:
        for name in CHECKS:
            table.drop_constraint(op.f(name), type_="check")
        table.drop_column("purged_at")
        for name, kind in FINGERPRINTS.items():
            table.alter_column(name, existing_type=kind, nullable=False)
    # a size that is unknown, or a version that is no mtime, only makes the file be read again
    op.execute("UPDATE sources SET size = -1 WHERE size IS NULL")
    op.execute(
        "UPDATE sources SET version = '-1' WHERE version = '' OR length(version) > 18 "
        "OR trim(version, '0123456789') <> ''"
    )
    with op.batch_alter_table("sources") as sources:
        for name in ("walk", "free_metadata", "created_at", "uploader", "label"):
            sources.drop_column(name)
        sources.alter_column(
            "version",
            new_column_name="mtime_ns",
            existing_type=sa.Text(),
            existing_nullable=False,
            type_=sa.BigInteger(),
            postgresql_using="version::bigint",
        )
        sources.alter_column("size", existing_type=sa.BigInteger(), nullable=False)
