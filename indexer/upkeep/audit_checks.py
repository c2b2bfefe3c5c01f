"""Checks of the audit log's guard: the database's triggers, and its key."""

import hmac
from collections.abc import Iterator

from indexer.audit_chain import seal_of
from indexer.errors import AuditUnguarded, LookalikeError
from indexer.settings import audit_key_set
from indexer.store import Store
from indexer.types import AuditRecord, SealMethod
from indexer.upkeep.findings import Finding, State, problem_of


def examine_audit(store: Store) -> Iterator[Finding]:
    """Look at the triggers and at the key; `audit verify` looks at the rows."""
    try:
        with store.reader() as catalog:
            flaws = catalog.audit.guard_flaws()
            last = catalog.audit.last()
    except LookalikeError as error:
        yield problem_of("audit log", error)
        return
    if flaws:
        yield problem_of("audit log", AuditUnguarded(flaws))
    else:
        yield Finding("audit log", State.OK, "the database rejects changes to its rows")
    yield _key(last, audit_key_set())


def _key(last: AuditRecord | None, key: bytes | None) -> Finding:
    sealed = last is not None and last.method == SealMethod.HMAC
    if last is None or not sealed:
        found = "set; rows are sealed from now on" if key else "none is set, and no row is sealed"
        return Finding("audit key", State.OK, found)
    if key is None:
        return Finding(
            "audit key",
            State.WARNING,
            f"row {last.number} is sealed by a key, and none is set here",
            "Set LOOKALIKE_AUDIT_KEY: rows written without it break the chain.",
        )
    if not hmac.compare_digest(last.hash, seal_of(last, key)):
        return Finding(
            "audit key",
            State.PROBLEM,
            f"LOOKALIKE_AUDIT_KEY is not the key that sealed row {last.number}, or the row was "
            "changed",
            "Set the key that the other programs of this index have, then run "
            "`lookalike audit verify`.",
            exit_code=AuditUnguarded.exit_code,
        )
    return Finding("audit key", State.OK, f"it sealed row {last.number}, the last")
