"""Divide what grows with images times spaces by space, on Postgres.

The table of before becomes the first partition, of all spaces that are there: no row is moved, and
its indexes and foreign keys are taken over as they are. SQLite has no partitions.

Revision ID: 202611302200
Revises: 202611302155
Create Date: 2026-11-30
"""

import sqlalchemy as sa
from alembic import op

revision = "202611302200"
down_revision = "202611302155"
branch_labels = None
depends_on = None

_KEYS = {
    "embeddings": "image_id, space_id, part",
    "classifications": "image_id, space_id, part",
    "semantic_embeddings": "image_id, space_id",
}
_INDEXES = {"classifications": ("ix_classifications_top_label", "top_label")}


def upgrade() -> None:
    connection = op.get_bind()
    if connection.dialect.name != "postgresql":
        return
    spaces = list(connection.scalars(sa.text("SELECT id FROM spaces ORDER BY id")))
    values = ", ".join(map(str, spaces))
    for table in _KEYS:
        # of one space it is that space's own, as later ones have; of several it is shared
        first = f"{table}_of_{spaces[0]}" if len(spaces) == 1 else f"{table}_of_earlier"
        op.rename_table(table, first)
        op.execute(f"ALTER INDEX pk_{table} RENAME TO pk_{first}")
        if table in _INDEXES:
            index = _INDEXES[table][0]
            op.execute(f"ALTER INDEX {index} RENAME TO {first}_{_INDEXES[table][1]}_idx")
        op.execute(
            f"CREATE TABLE {table} (LIKE {first} INCLUDING DEFAULTS INCLUDING STORAGE) "
            "PARTITION BY LIST (space_id)"
        )
        _constrain(table)
        if spaces:
            op.execute(f"ALTER TABLE {table} ATTACH PARTITION {first} FOR VALUES IN ({values})")
        else:
            op.drop_table(first)


def downgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    for table in _KEYS:
        whole = f"{table}_whole"
        op.execute(f"CREATE TABLE {whole} (LIKE {table} INCLUDING DEFAULTS INCLUDING STORAGE)")
        op.execute(f"INSERT INTO {whole} SELECT * FROM {table}")  # noqa: S608 -- names of ours
        op.drop_table(table)
        op.rename_table(whole, table)
        _constrain(table)


def _constrain(table: str) -> None:
    op.create_primary_key(f"pk_{table}", table, _KEYS[table].split(", "))
    for column, other in (("image_id", "images"), ("space_id", "spaces")):
        op.create_foreign_key(f"fk_{table}_{column}_{other}", table, other, [column], ["id"])
    if table in _INDEXES:
        index, column = _INDEXES[table]
        op.create_index(index, table, [column])
