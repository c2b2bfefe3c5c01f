"""Keep local features apart from thumbnails, so that they can be kept without pixels.

Revision ID: 202611301750
Revises: 202611301700
Create Date: 2026-11-30
"""

import sqlalchemy as sa
from alembic import op

revision = "202611301750"
down_revision = "202611301700"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "local_features",
        sa.Column(
            "image_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("packed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["image_id"], ["images.id"], name=op.f("fk_local_features_image_id_images")
        ),
        sa.PrimaryKeyConstraint("image_id", name=op.f("pk_local_features")),
    )
    op.execute(
        "INSERT INTO local_features (image_id, packed) "
        "SELECT image_id, features FROM thumbnails WHERE features IS NOT NULL"
    )
    with op.batch_alter_table("thumbnails") as table:
        table.drop_column("features")


def downgrade() -> None:
    """Go back; lost are the features of images without a thumbnail."""
    op.add_column("thumbnails", sa.Column("features", sa.LargeBinary(), nullable=True))
    op.execute(
        "UPDATE thumbnails SET features = (SELECT packed FROM local_features "
        "WHERE local_features.image_id = thumbnails.image_id)"
    )
    op.drop_table("local_features")
