"""Let an image have crops among its parts: the pictures within it.

Revision ID: 202611300001
Revises: 202611280006
Create Date: 2026-11-30
"""

import sqlalchemy as sa
from alembic import op

revision = "202611300001"
down_revision = "202611280006"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
KIND = "ck_parts_kind"
ADDED = "kind IN ('frame', 'tile')"
ALL = "kind IN ('frame', 'tile', 'crop')"


def parts(kinds: str) -> sa.Table:
    """Describe the table: SQLite rebuilds it, and some versions forget its checks by themselves."""
    return sa.Table(
        "parts",
        sa.MetaData(),
        sa.Column(
            "image_id",
            ID,
            sa.ForeignKey("images.id", name="fk_parts_image_id_images"),
            nullable=False,
        ),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("box", sa.JSON(), nullable=True),
        sa.Column("pdq", sa.LargeBinary(32), nullable=False),
        sa.Column("pdq_quality", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("image_id", "part", name=op.f("pk_parts")),
        sa.CheckConstraint("part > 0", name=op.f("ck_parts_part_is_not_the_whole")),
        sa.CheckConstraint(kinds, name=op.f(KIND)),
        sa.CheckConstraint("length(pdq) = 32", name=op.f("ck_parts_pdq_is_32_bytes")),
    )


def allow(now: str, then: str) -> None:
    with op.batch_alter_table("parts", copy_from=parts(now)) as table:
        table.drop_constraint(op.f(KIND), type_="check")
        table.create_check_constraint(op.f(KIND), then)


def upgrade() -> None:
    allow(ADDED, ALL)


def downgrade() -> None:
    """Go back; what the older schema has no place for is lost: the crops of stored images."""
    crops = "SELECT image_id, part FROM parts WHERE kind = 'crop'"
    for table in ("classifications", "embeddings"):
        condition = f"(image_id, part) IN ({crops})"
        op.execute(f"DELETE FROM {table} WHERE {condition}")  # noqa: S608 -- a name from above
    op.execute("DELETE FROM parts WHERE kind = 'crop'")
    allow(ALL, ADDED)
