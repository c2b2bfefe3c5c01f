"""Let an image have variants among its parts, each with the recipe that made it.

Revision ID: 202611302320
Revises: 202611302210
Create Date: 2026-11-30
"""

import sqlalchemy as sa
from alembic import op

revision = "202611302320"
down_revision = "202611302210"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
KIND = "ck_parts_kind"
WITHOUT = "kind IN ('frame', 'tile', 'crop')"
WITH = "kind IN ('frame', 'tile', 'crop', 'variant')"
RECIPE = "ck_parts_variant_has_recipe"
HAS_RECIPE = "(kind = 'variant') = (recipe IS NOT NULL)"


def parts(kinds: str, *more: sa.schema.SchemaItem) -> sa.Table:
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
        *more,
    )


def upgrade() -> None:
    with op.batch_alter_table("parts", copy_from=parts(WITHOUT)) as table:
        table.add_column(sa.Column("recipe", sa.String(80), nullable=True))
        table.drop_constraint(op.f(KIND), type_="check")
        table.create_check_constraint(op.f(KIND), WITH)
        table.create_check_constraint(op.f(RECIPE), HAS_RECIPE)
    where = sa.text("kind = 'variant'")
    op.create_index(
        "ix_parts_variants", "parts", ["image_id"], sqlite_where=where, postgresql_where=where
    )


def downgrade() -> None:
    """Go back; what the older schema has no place for is lost: the variants of entries."""
    variants = "SELECT image_id, part FROM parts WHERE kind = 'variant'"
    for table in ("classifications", "embeddings"):
        condition = f"(image_id, part) IN ({variants})"
        op.execute(f"DELETE FROM {table} WHERE {condition}")  # noqa: S608 -- a name from above
    op.execute("DELETE FROM parts WHERE kind = 'variant'")
    op.drop_index("ix_parts_variants", "parts")
    recipe = sa.Column("recipe", sa.String(80), nullable=True)
    has_recipe = sa.CheckConstraint(HAS_RECIPE, name=op.f(RECIPE))
    with op.batch_alter_table("parts", copy_from=parts(WITH, recipe, has_recipe)) as table:
        table.drop_constraint(op.f(RECIPE), type_="check")
        table.drop_constraint(op.f(KIND), type_="check")
        table.create_check_constraint(op.f(KIND), WITHOUT)
        table.drop_column("recipe")
