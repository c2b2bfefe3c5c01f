"""Let banks hold bare fingerprints, and keep what verdicts rest on and lead to.

Revision ID: 202611250001
Revises: 202611240001
Create Date: 2026-11-25
"""

import sqlalchemy as sa
from alembic import op

revision = "202611250001"
down_revision = "202611240001"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)
ACTIVE = "removed_at IS NULL"
BANK_DETAILS = {
    "category": sa.Text(),
    "severity": sa.String(8),
    "notes": sa.Text(),
    "owner": sa.Text(),
    "removed_at": MOMENT,
}
ENTRY_DETAILS = {
    "fingerprint_kind": sa.String(8),
    "fingerprint": sa.LargeBinary(32),
    "source": sa.Text(),
    "external_id": sa.Text(),
    "notes": sa.Text(),
    "labels": sa.JSON(),
    "disabled_until": MOMENT,
    "disabled_reason": sa.String(8),
    "removed_by": sa.String(8),
}
SEVERITY = "severity IN ('low', 'medium', 'high', 'critical')"
ENTRY_CHECKS = {
    "image_or_fingerprint": "(image_id IS NULL) <> (fingerprint IS NULL)",
    "fingerprint_has_a_kind": "(fingerprint_kind IS NULL) = (fingerprint IS NULL)",
    "fingerprint_kind": "fingerprint_kind IN ('sha256', 'md5', 'pdq')",
    "fingerprint_is_whole": (
        "length(fingerprint) = CASE fingerprint_kind WHEN 'md5' THEN 16 ELSE 32 END"
    ),
    "disabled_reason": "disabled_reason IN ('by hand', 'flood')",
    "removed_by": "removed_by IN ('user', 'source')",
    "removed_by_someone": "(removed_by IS NULL) = (removed_at IS NULL)",
}
ENTRY_INDEXES = {  # name: columns, condition, whether it is unique
    "ix_entries_of_bank": (["bank_id", "id"], ACTIVE, False),
    "uq_entries_of_source": (
        ["bank_id", "source", "external_id", "fingerprint_kind"],
        "source IS NOT NULL",
        True,
    ),
    "uq_entries_fingerprint_of_no_source": (
        ["bank_id", "fingerprint_kind", "fingerprint"],
        f"{ACTIVE} AND source IS NULL AND fingerprint IS NOT NULL",
        True,
    ),
    "ix_entries_fingerprint": (
        ["fingerprint_kind", "fingerprint"],
        f"{ACTIVE} AND fingerprint IS NOT NULL",
        False,
    ),
    "ix_entries_disabled_until": (["disabled_until"], "disabled_until IS NOT NULL", False),
}

# SQLite rebuilds a table that changes, and forgets its checks by itself: they are told here.


def banks(*, before: bool) -> sa.Table:
    table = sa.Table(
        "banks",
        sa.MetaData(),
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.CheckConstraint("kind IN ('block', 'allow')", name=op.f("ck_banks_kind")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_banks")),
    )
    if before:
        table.append_constraint(sa.UniqueConstraint("name", name=op.f("uq_banks_name")))
        return table
    table.append_column(enabled())
    for name, kind in BANK_DETAILS.items():
        table.append_column(sa.Column(name, kind, nullable=True))
    table.append_constraint(sa.CheckConstraint(SEVERITY, name=op.f("ck_banks_severity")))
    return table


def enabled() -> sa.Column[bool]:
    return sa.Column("enabled", sa.Boolean(), nullable=False, server_default=sa.true())


def entries(*, before: bool) -> sa.Table:
    table = sa.Table(
        "entries",
        sa.MetaData(),
        sa.Column("id", ID, nullable=False),
        sa.Column("bank_id", ID, nullable=False),
        sa.Column("image_id", ID, nullable=not before),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("removed_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["bank_id"], ["banks.id"], op.f("fk_entries_bank_id_banks")),
        sa.ForeignKeyConstraint(["image_id"], ["images.id"], op.f("fk_entries_image_id_images")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_entries")),
    )
    if not before:
        for name, kind in ENTRY_DETAILS.items():
            table.append_column(sa.Column(name, kind, nullable=True))
        for name, condition in ENTRY_CHECKS.items():
            table.append_constraint(sa.CheckConstraint(condition, name=op.f(f"ck_entries_{name}")))
    return table


def changes(operations: str) -> sa.Table:
    return sa.Table(
        "changes",
        sa.MetaData(),
        sa.Column("number", ID, autoincrement=False, nullable=False),
        sa.Column("subject", sa.String(8), nullable=False),
        sa.Column("subject_id", ID, nullable=False),
        sa.Column("operation", sa.String(8), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.CheckConstraint(
            "subject IN ('image', 'entry', 'bank')", name=op.f("ck_changes_subject")
        ),
        sa.CheckConstraint(f"operation IN ({operations})", name=op.f("ck_changes_operation")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_changes")),
    )


def index_while(name: str, table: str, columns: list[str], where: str, *, unique: bool) -> None:
    condition = sa.text(where)
    op.create_index(
        op.f(name),
        table,
        columns,
        unique=unique,
        sqlite_where=condition,
        postgresql_where=condition,
    )


def allow_operations(now: str, then: str) -> None:
    op.drop_index(op.f("ix_changes_of_banks"), "changes")
    with op.batch_alter_table("changes", copy_from=changes(now)) as table:
        table.drop_constraint(op.f("ck_changes_operation"), type_="check")
        table.create_check_constraint(op.f("ck_changes_operation"), f"operation IN ({then})")
    index_while("ix_changes_of_banks", "changes", ["number"], "subject != 'image'", unique=False)


def drop_entry_indexes() -> None:
    op.drop_index(op.f("ix_entries_image_id"), "entries")
    op.drop_index(op.f("uq_entries_active"), "entries")


def create_entry_indexes() -> None:
    op.create_index(op.f("ix_entries_image_id"), "entries", ["image_id"])
    index_while("uq_entries_active", "entries", ["bank_id", "image_id"], ACTIVE, unique=True)


def upgrade_banks() -> None:
    with op.batch_alter_table("banks", copy_from=banks(before=True)) as table:
        table.add_column(enabled())
        for name, kind in BANK_DETAILS.items():
            table.add_column(sa.Column(name, kind, nullable=True))
        table.create_check_constraint(op.f("ck_banks_severity"), SEVERITY)
        table.drop_constraint(op.f("uq_banks_name"), type_="unique")
    index_while("uq_banks_active_name", "banks", ["name"], ACTIVE, unique=True)
    drop_entry_indexes()
    with op.batch_alter_table("entries", copy_from=entries(before=True)) as table:
        table.alter_column("image_id", existing_type=ID, nullable=True)
        for name, kind in ENTRY_DETAILS.items():
            table.add_column(sa.Column(name, kind, nullable=True))
    op.execute("UPDATE entries SET removed_by = 'user' WHERE removed_at IS NOT NULL")
    unchecked = entries(before=False)
    for check in [c for c in unchecked.constraints if isinstance(c, sa.CheckConstraint)]:
        unchecked.constraints.remove(check)
    with op.batch_alter_table("entries", copy_from=unchecked) as table:
        for name, condition in ENTRY_CHECKS.items():
            table.create_check_constraint(op.f(f"ck_entries_{name}"), condition)
    create_entry_indexes()
    for name, (columns, where, unique) in ENTRY_INDEXES.items():
        index_while(name, "entries", columns, where, unique=unique)


def create_verdict_tables() -> None:
    op.create_table(
        "threshold_cards",
        sa.Column("id", ID, nullable=False),
        sa.Column("space_id", ID, nullable=True),
        sa.Column("signal", sa.String(16), nullable=False),
        sa.Column("tier", sa.String(16), nullable=False),
        sa.Column("bank_id", ID, nullable=True),
        sa.Column("value", sa.Float(), nullable=False),
        sa.Column("unit", sa.String(16), nullable=False),
        sa.Column("target_rate", sa.Float(), nullable=False),
        sa.Column("false_positives", sa.BigInteger(), nullable=False),
        sa.Column("comparisons", sa.BigInteger(), nullable=False),
        sa.Column("rate_low", sa.Float(), nullable=False),
        sa.Column("rate_high", sa.Float(), nullable=False),
        sa.Column("background", sa.Text(), nullable=False),
        sa.Column("background_images", sa.BigInteger(), nullable=False),
        sa.Column("reference_count", sa.BigInteger(), nullable=False),
        sa.Column("histogram", sa.JSON(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("retired_at", MOMENT, nullable=True),
        sa.CheckConstraint(
            "signal IN ('pdq', 'embedding', 'fused')", name=op.f("ck_threshold_cards_signal")
        ),
        sa.CheckConstraint(
            "tier IN ('near_duplicate', 'lookalike')", name=op.f("ck_threshold_cards_tier")
        ),
        sa.CheckConstraint(
            "unit IN ('upload', 'comparison')", name=op.f("ck_threshold_cards_unit")
        ),
        sa.ForeignKeyConstraint(
            ["space_id"], ["spaces.id"], op.f("fk_threshold_cards_space_id_spaces")
        ),
        sa.ForeignKeyConstraint(
            ["bank_id"], ["banks.id"], op.f("fk_threshold_cards_bank_id_banks")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_threshold_cards")),
    )
    op.create_table(
        "decisions",
        sa.Column("id", ID, nullable=False),
        sa.Column("query_sha256", sa.LargeBinary(32), nullable=False),
        sa.Column("query_pdq", sa.LargeBinary(32), nullable=True),
        sa.Column("entry_id", ID, nullable=True),
        sa.Column("image_id", ID, nullable=True),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("tier", sa.String(16), nullable=True),
        sa.Column("decided_by", sa.String(16), nullable=True),
        sa.Column("analyst", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("superseded_at", MOMENT, nullable=True),
        sa.CheckConstraint(
            "length(query_sha256) = 32", name=op.f("ck_decisions_query_sha256_is_32_bytes")
        ),
        sa.CheckConstraint(
            "length(query_pdq) = 32", name=op.f("ck_decisions_query_pdq_is_32_bytes")
        ),
        sa.CheckConstraint(
            "outcome IN ('confirmed', 'rejected', 'escalated')",
            name=op.f("ck_decisions_outcome"),
        ),
        sa.CheckConstraint(
            "entry_id IS NOT NULL OR image_id IS NOT NULL", name=op.f("ck_decisions_of_something")
        ),
        sa.ForeignKeyConstraint(
            ["entry_id"], ["entries.id"], op.f("fk_decisions_entry_id_entries")
        ),
        sa.ForeignKeyConstraint(["image_id"], ["images.id"], op.f("fk_decisions_image_id_images")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decisions")),
    )
    for column in ("query_sha256", "entry_id", "image_id"):
        op.create_index(op.f(f"ix_decisions_{column}"), "decisions", [column])
    op.create_table(
        "retro_scans",
        sa.Column("id", ID, nullable=False),
        sa.Column("bank_id", ID, nullable=True),
        sa.Column("space_id", ID, nullable=False),
        sa.Column("first_entry_change", sa.BigInteger(), nullable=False),
        sa.Column("last_change", sa.BigInteger(), nullable=False),
        sa.Column("cursor", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("scanned", sa.BigInteger(), nullable=False),
        sa.Column("found", sa.BigInteger(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("finished_at", MOMENT, nullable=True),
        sa.CheckConstraint("state IN ('running', 'done')", name=op.f("ck_retro_scans_state")),
        sa.ForeignKeyConstraint(["bank_id"], ["banks.id"], op.f("fk_retro_scans_bank_id_banks")),
        sa.ForeignKeyConstraint(
            ["space_id"], ["spaces.id"], op.f("fk_retro_scans_space_id_spaces")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_retro_scans")),
    )
    op.create_table(
        "retro_matches",
        sa.Column("id", ID, nullable=False),
        sa.Column("scan_id", ID, nullable=False),
        sa.Column("entry_id", ID, nullable=False),
        sa.Column("image_id", ID, nullable=False),
        sa.Column("tier", sa.String(16), nullable=False),
        sa.Column("decided_by", sa.String(16), nullable=False),
        sa.Column("similarity", sa.Float(), nullable=True),
        sa.Column("pdq_distance", sa.Integer(), nullable=True),
        sa.Column("threshold", sa.Float(), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["scan_id"], ["retro_scans.id"], op.f("fk_retro_matches_scan_id_retro_scans")
        ),
        sa.ForeignKeyConstraint(
            ["entry_id"], ["entries.id"], op.f("fk_retro_matches_entry_id_entries")
        ),
        sa.ForeignKeyConstraint(
            ["image_id"], ["images.id"], op.f("fk_retro_matches_image_id_images")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_retro_matches")),
        sa.UniqueConstraint(
            "scan_id",
            "entry_id",
            "image_id",
            name=op.f("uq_retro_matches_scan_id_entry_id_image_id"),
        ),
    )


def create_watch_tables() -> None:
    op.create_table(
        "entry_hits",
        sa.Column("entry_id", ID, nullable=False),
        sa.Column("hour", MOMENT, nullable=False),
        sa.Column("hits", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["entry_id"], ["entries.id"], op.f("fk_entry_hits_entry_id_entries")
        ),
        sa.PrimaryKeyConstraint("entry_id", "hour", name=op.f("pk_entry_hits")),
    )
    op.create_table(
        "flood_flags",
        sa.Column("id", ID, nullable=False),
        sa.Column("entry_id", ID, nullable=False),
        sa.Column("flagged_at", MOMENT, nullable=False),
        sa.Column("window_start", MOMENT, nullable=False),
        sa.Column("hits", sa.BigInteger(), nullable=False),
        sa.Column("expected", sa.Float(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("resolved_at", MOMENT, nullable=True),
        sa.CheckConstraint(
            "state IN ('open', 'quarantined', 'dismissed')", name=op.f("ck_flood_flags_state")
        ),
        sa.ForeignKeyConstraint(
            ["entry_id"], ["entries.id"], op.f("fk_flood_flags_entry_id_entries")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_flood_flags")),
    )
    op.create_index(op.f("ix_flood_flags_entry_id"), "flood_flags", ["entry_id"])
    op.create_table(
        "thumbnails",
        sa.Column("image_id", ID, nullable=False),
        sa.Column("jpeg", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["image_id"], ["images.id"], op.f("fk_thumbnails_image_id_images")),
        sa.PrimaryKeyConstraint("image_id", name=op.f("pk_thumbnails")),
    )


def upgrade() -> None:
    allow_operations("'added', 'removed'", "'added', 'changed', 'removed'")
    upgrade_banks()
    create_verdict_tables()
    create_watch_tables()


def downgrade() -> None:
    """Go back; lost is what the older schema has no place for.

    That is: bare fingerprints, removed banks, and that a bank or an entry is disabled.
    """
    for table in (
        "thumbnails",
        "flood_flags",
        "entry_hits",
        "retro_matches",
        "retro_scans",
        "decisions",
        "threshold_cards",
    ):
        op.drop_table(table)
    # what was disabled counts as added from then on; the log keeps its numbers without a gap
    op.execute("UPDATE changes SET operation = 'added' WHERE operation = 'changed'")
    allow_operations("'added', 'changed', 'removed'", "'added', 'removed'")
    gone = "(SELECT id FROM banks WHERE removed_at IS NOT NULL)"
    op.execute(f"DELETE FROM entries WHERE image_id IS NULL OR bank_id IN {gone}")  # noqa: S608
    op.execute("DELETE FROM banks WHERE removed_at IS NOT NULL")
    for name in ENTRY_INDEXES:
        op.drop_index(op.f(name), "entries")
    drop_entry_indexes()
    with op.batch_alter_table("entries", copy_from=entries(before=False)) as table:
        for name in ENTRY_CHECKS:
            table.drop_constraint(op.f(f"ck_entries_{name}"), type_="check")
        for name in ENTRY_DETAILS:
            table.drop_column(name)
        table.alter_column("image_id", existing_type=ID, nullable=False)
    create_entry_indexes()
    op.drop_index(op.f("uq_banks_active_name"), "banks")
    with op.batch_alter_table("banks", copy_from=banks(before=False)) as table:
        table.drop_constraint(op.f("ck_banks_severity"), type_="check")
        for name in ("enabled", *BANK_DETAILS):
            table.drop_column(name)
        table.create_unique_constraint(op.f("uq_banks_name"), ["name"])
