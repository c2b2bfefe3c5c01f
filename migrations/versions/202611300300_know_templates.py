"""Know templates: frames that many images share, and the images that have them.

Revision ID: 202611300300
Revises: 202611300200
Create Date: 2026-11-30
"""

import sqlalchemy as sa
from alembic import op

revision = "202611300300"
down_revision = "202611300200"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "templates",
        sa.Column("id", ID, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("mask", sa.LargeBinary(32), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_templates"),
        sa.CheckConstraint(
            "state IN ('found', 'confirmed', 'rejected')", name=op.f("ck_templates_state")
        ),
        sa.CheckConstraint("length(mask) = 32", name=op.f("ck_templates_mask_is_32_bytes")),
    )
    op.create_table(
        "template_members",
        sa.Column(
            "image_id",
            ID,
            sa.ForeignKey("images.id", name="fk_template_members_image_id_images"),
            nullable=False,
        ),
        sa.Column(
            "template_id",
            ID,
            sa.ForeignKey("templates.id", name="fk_template_members_template_id_templates"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("image_id", name="pk_template_members"),
    )
    op.create_index("ix_template_members_template_id", "template_members", ["template_id"])


def downgrade() -> None:
    op.drop_table("template_members")
    op.drop_table("templates")
