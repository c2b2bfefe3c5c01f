"""Audit triggers: whether the database still refuses to change the audit log."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from sqlalchemy import Connection, text

_REFUSED: Final = "the audit log is append-only"
_ABORT: Final = f"BEGIN SELECT RAISE(ABORT, '{_REFUSED}'); END"
_GAP: Final = "NEW.number <> (SELECT COALESCE(MAX(number), 0) + 1 FROM audit)"
SQLITE_TRIGGERS: Final[Mapping[str, str]] = {
    "audit_refuses_update": (
        f"CREATE TRIGGER audit_refuses_update BEFORE UPDATE ON audit {_ABORT}"
    ),
    "audit_refuses_delete": (
        f"CREATE TRIGGER audit_refuses_delete BEFORE DELETE ON audit {_ABORT}"
    ),
    "audit_refuses_gaps": (
        f"CREATE TRIGGER audit_refuses_gaps BEFORE INSERT ON audit WHEN {_GAP} {_ABORT}"
    ),
}
"""What the migration made, by name."""
_ON_SQLITE: Final = text(
    "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit'"
)
_ON_POSTGRES: Final = text(
    "SELECT tgname, tgtype, tgenabled::text AS enabled, tgqual IS NULL AS always, proname, prosrc "
    "FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid "
    "WHERE tgrelid = 'audit'::regclass AND NOT tgisinternal"
)
_POSTGRES_TRIGGER: Final = "audit_refuses_changes"
_BEFORE_CHANGES: Final = 0b111010
"""`tgtype` of BEFORE UPDATE OR DELETE OR TRUNCATE, for each statement."""
_POSTGRES_BODY: Final = f"BEGIN RAISE EXCEPTION '{_REFUSED}'; END"
_ENABLED: Final = {"O", "A"}  # for sessions of any origin but replication, or for all


def audit_guard_flaws(connection: Connection) -> list[str]:
    """Say what is wrong with the triggers of the audit log, one phrase each; none when all hold."""
    on_sqlite = connection.dialect.name == "sqlite"
    return list(_flaws_on_sqlite(connection) if on_sqlite else _flaws_on_postgres(connection))


def _flaws_on_sqlite(connection: Connection) -> Iterator[str]:
    found = {row.name: row.sql for row in connection.execute(_ON_SQLITE)}
    for name, statement in SQLITE_TRIGGERS.items():
        if name not in found:
            yield f"trigger {name} is missing"
        elif _words(found[name]) != _words(statement):
            yield f"trigger {name} does something else"
    yield from _strangers(found.keys() - SQLITE_TRIGGERS.keys())


def _flaws_on_postgres(connection: Connection) -> Iterator[str]:
    found = {row.tgname: row for row in connection.execute(_ON_POSTGRES)}
    ours = found.pop(_POSTGRES_TRIGGER, None)
    if ours is None:
        yield f"trigger {_POSTGRES_TRIGGER} is missing"
    elif ours.enabled not in _ENABLED:
        yield f"trigger {_POSTGRES_TRIGGER} is disabled"
    elif ours.tgtype != _BEFORE_CHANGES or not ours.always or _words(ours.prosrc) != _POSTGRES_BODY:
        yield f"trigger {_POSTGRES_TRIGGER} does something else"
    yield from _strangers(found.keys())


def _strangers(names: Iterable[str]) -> Iterator[str]:
    for name in sorted(names):
        yield f"trigger {name} is not this program's"


def _words(statement: str) -> str:
    return re.sub(r"\s+", " ", statement).strip()
