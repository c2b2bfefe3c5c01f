"""Keep review items, and make some of the open flood flags and undecided retro-matches.

Revision ID: 202611301820
Revises: 202611301810
Create Date: 2026-11-30
"""

import json

import sqlalchemy as sa
from alembic import op

revision = "202611301820"
down_revision = "202611301810"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)
RANKS = {"critical": 0, "high": 1, "medium": 2, "low": 3}
UNDECIDED = """
SELECT m.image_id, i.sha256, m.entry_id, e.bank_id, b.severity, m.tier, m.decided_by,
       m.similarity, m.pdq_distance, m.threshold, m.created_at
FROM retro_matches m
JOIN images i ON i.id = m.image_id
JOIN entries e ON e.id = m.entry_id
JOIN banks b ON b.id = e.bank_id
WHERE i.removed_at IS NULL AND e.removed_at IS NULL
  AND m.id IN (SELECT max(id) FROM retro_matches GROUP BY image_id, entry_id)
  AND NOT EXISTS (
    SELECT 1 FROM decisions d
    WHERE d.query_sha256 = i.sha256 AND d.entry_id = m.entry_id AND d.superseded_at IS NULL
      AND d.outcome <> 'escalated')
ORDER BY m.id
"""
FLAGGED = """
SELECT f.id AS flood_id, f.entry_id, e.bank_id, b.severity, f.hits, f.expected,
       f.flagged_at AS created_at
FROM flood_flags f
JOIN entries e ON e.id = f.entry_id
JOIN banks b ON b.id = e.bank_id
WHERE f.state = 'open'
ORDER BY f.id
"""


def _reference(column: str, table: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_review_items_{column}_{table}")
    return sa.ForeignKeyConstraint([column], [f"{table}.id"], name=name)


def upgrade() -> None:
    op.add_column("reveals", sa.Column("review_id", sa.BigInteger(), nullable=True))
    items = op.create_table(
        "review_items",
        sa.Column("id", BIG, nullable=False),
        sa.Column("queue", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("rank", sa.SmallInteger(), nullable=False),
        sa.Column("query_sha256", sa.LargeBinary(length=32), nullable=True),
        sa.Column("image_id", BIG, nullable=True),
        sa.Column("flood_id", BIG, nullable=True),
        sa.Column("cluster_id", BIG, nullable=True),
        sa.Column("entry_id", BIG, nullable=True),
        sa.Column("match_image_id", BIG, nullable=True),
        sa.Column("bank_id", BIG, nullable=True),
        sa.Column("severity", sa.String(length=8), nullable=True),
        sa.Column("evidence", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("parent_id", BIG, nullable=True),
        sa.Column("root_id", BIG, nullable=True),
        sa.Column("not_for", sa.String(length=64), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("leased_by", sa.String(length=64), nullable=True),
        sa.Column("lease_expires_at", MOMENT, nullable=True),
        sa.Column("outcome", sa.String(length=16), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("decided_by", sa.String(length=64), nullable=True),
        sa.Column("decided_at", MOMENT, nullable=True),
        sa.Column("decision_id", BIG, nullable=True),
        sa.Column("superseded_id", BIG, nullable=True),
        sa.Column("flood_state", sa.String(length=16), nullable=True),
        sa.Column("awaits_signature", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.CheckConstraint(
            "queue IN ('retro_match', 'flood', 'cluster_alert', 'disagreement', 'uncertain', "
            "'second_signature', 'escalation')",
            name=op.f("ck_review_items_queue"),
        ),
        sa.CheckConstraint(
            "state IN ('open', 'decided', 'dismissed')", name=op.f("ck_review_items_state")
        ),
        sa.CheckConstraint(
            "severity IN ('low', 'medium', 'high', 'critical')",
            name=op.f("ck_review_items_severity"),
        ),
        sa.CheckConstraint(
            "outcome IN ('confirmed', 'rejected', 'escalated')",
            name=op.f("ck_review_items_outcome"),
        ),
        sa.CheckConstraint(
            "length(query_sha256) = 32", name=op.f("ck_review_items_query_sha256_is_32_bytes")
        ),
        _reference("image_id", "images"),
        _reference("flood_id", "flood_flags"),
        _reference("cluster_id", "clusters"),
        _reference("entry_id", "entries"),
        _reference("match_image_id", "images"),
        _reference("bank_id", "banks"),
        _reference("parent_id", "review_items"),
        _reference("root_id", "review_items"),
        _reference("decision_id", "decisions"),
        _reference("superseded_id", "decisions"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_review_items")),
    )
    for column in ("image_id", "flood_id", "cluster_id", "entry_id", "parent_id"):
        op.create_index(op.f(f"ix_review_items_{column}"), "review_items", [column])
    op.create_index("ix_review_items_query", "review_items", ["query_sha256", "entry_id"])
    op.create_index("ix_review_items_decided", "review_items", ["decided_by", "decided_at"])
    op.create_index(
        "ix_review_items_open",
        "review_items",
        ["queue", "rank", "due_at", "id"],
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_table(
        "review_pictures",
        sa.Column("item_id", BIG, autoincrement=False, nullable=False),
        sa.Column("jpeg", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["item_id"], ["review_items.id"], name=op.f("fk_review_pictures_item_id_review_items")
        ),
        sa.PrimaryKeyConstraint("item_id", name=op.f("pk_review_pictures")),
    )
    _fill(items)


def downgrade() -> None:
    op.drop_table("review_pictures")
    op.drop_table("review_items")
    op.drop_column("reveals", "review_id")


def _fill(items: sa.Table) -> None:
    """Make items of what waited for a decision before there were items."""
    types = {"created_at": MOMENT}
    connection = op.get_bind()
    matches = connection.execute(sa.text(UNDECIDED).columns(**types)).mappings().all()
    floods = connection.execute(sa.text(FLAGGED).columns(**types)).mappings().all()
    rows = [_match(row) for row in matches] + [_flood(row) for row in floods]
    for start in range(0, len(rows), 500):
        connection.execute(items.insert(), rows[start : start + 500])


def _match(row: sa.RowMapping) -> dict[str, object]:
    readings = [
        {"signal": signal, "unit": unit, "value": row[column]}
        | ({"threshold": row["threshold"]} if signal == row["decided_by"] else {})
        for signal, unit, column in (
            ("pdq", "bits", "pdq_distance"),
            ("embedding", "cosine", "similarity"),
        )
        if row[column] is not None
    ]
    evidence = {"tier": row["tier"], "decided_by": row["decided_by"], "signals": readings}
    return {
        "queue": "retro_match",
        "query_sha256": bytes(row["sha256"]),
        "image_id": row["image_id"],
        "flood_id": None,
        **_shared(row, evidence),
    }


def _flood(row: sa.RowMapping) -> dict[str, object]:
    message = f"Entry {row['entry_id']} matched {row['hits']} times in an hour."
    evidence = {"message": message, "count": row["hits"], "expected": row["expected"]}
    return {
        "queue": "flood",
        "query_sha256": None,
        "image_id": None,
        "flood_id": row["flood_id"],
        **_shared(row, evidence),
    }


def _shared(row: sa.RowMapping, evidence: dict[str, object]) -> dict[str, object]:
    return {
        "state": "open",
        "rank": RANKS.get(row["severity"], 4),
        "entry_id": row["entry_id"],
        "bank_id": row["bank_id"],
        "severity": row["severity"],
        "evidence": json.loads(json.dumps(evidence)),
        "created_at": row["created_at"],
        "due_at": row["created_at"],
    }
