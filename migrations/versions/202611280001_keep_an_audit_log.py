"""Keep an audit log that the database itself lets nobody change.

Revision ID: 202611280001
Revises: 202611250001
Create Date: 2026-11-28
"""

import sqlalchemy as sa
from alembic import op

revision = "202611280001"
down_revision = "202611250001"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
REFUSED = "the audit log is append-only"


def refuse_on_sqlite() -> None:
    for event in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER audit_refuses_{event.lower()} BEFORE {event} ON audit "
            f"BEGIN SELECT RAISE(ABORT, '{REFUSED}'); END"
        )
    # INSERT OR REPLACE deletes without asking the trigger of DELETE: a number is taken but once
    op.execute(
        "CREATE TRIGGER audit_refuses_gaps BEFORE INSERT ON audit "
        "WHEN NEW.number <> (SELECT COALESCE(MAX(number), 0) + 1 FROM audit) "
        "BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END"
    )


def refuse_on_postgres() -> None:
    op.execute(
        "CREATE FUNCTION audit_refuses() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{REFUSED}'; END $$"
    )
    op.execute(
        "CREATE TRIGGER audit_refuses_changes BEFORE UPDATE OR DELETE OR TRUNCATE ON audit "
        "FOR EACH STATEMENT EXECUTE FUNCTION audit_refuses()"
    )


def upgrade() -> None:
    op.create_table(
        "audit",
        sa.Column("number", ID, autoincrement=False, nullable=False),
        sa.Column("version", sa.SmallInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_kind", sa.String(8), nullable=False),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column("actor_address", sa.Text(), nullable=True),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("method", sa.String(16), nullable=False),
        sa.Column("previous", sa.LargeBinary(32), nullable=False),
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_audit")),
    )
    op.create_index(op.f("ix_audit_subject"), "audit", ["subject", "subject_id"])
    if op.get_bind().dialect.name == "sqlite":
        refuse_on_sqlite()
    else:
        refuse_on_postgres()


def downgrade() -> None:
    """Go back; lost is the audit log: export it before."""
    if op.get_bind().dialect.name == "sqlite":
        for name in ("update", "delete", "gaps"):
            op.execute(f"DROP TRIGGER audit_refuses_{name}")
    else:
        op.execute("DROP TRIGGER audit_refuses_changes ON audit")
        op.execute("DROP FUNCTION audit_refuses()")
    op.drop_table("audit")
