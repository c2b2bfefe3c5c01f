"""Keep semantic embeddings: what a model knows of a picture's kind, in a space of its own.

Revision ID: 202611301300
Revises: 202611300650
Create Date: 2026-11-30
"""

import sqlalchemy as sa
from alembic import op

revision = "202611301300"
down_revision = "202611300650"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_FOREIGN_KEY = "fk_spaces_semantic_space_id_spaces"


def upgrade() -> None:
    op.create_table(
        "semantic_embeddings",
        sa.Column(
            "image_id",
            ID,
            sa.ForeignKey("images.id", name="fk_semantic_embeddings_image_id_images"),
            nullable=False,
        ),
        sa.Column(
            "space_id",
            ID,
            sa.ForeignKey("spaces.id", name="fk_semantic_embeddings_space_id_spaces"),
            nullable=False,
        ),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("image_id", "space_id", name="pk_semantic_embeddings"),
    )
    with op.batch_alter_table("spaces") as table:
        table.add_column(sa.Column("semantic_space_id", ID, nullable=True))
        table.create_foreign_key(_FOREIGN_KEY, "spaces", ["semantic_space_id"], ["id"])


def downgrade() -> None:
    """Go back; `lookalike model reembed` fills semantic embeddings again later."""
    with op.batch_alter_table("spaces") as table:
        table.drop_constraint(_FOREIGN_KEY, type_="foreignkey")
        table.drop_column("semantic_space_id")
    op.drop_table("semantic_embeddings")
