"""Reading the audit log."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnElement, Row, select

from indexer.audit_chain import genesis
from indexer.runtime.actor import Actor
from indexer.store.audit_guard import audit_guard_flaws
from indexer.store.models import AuditRow, CatalogInfo
from indexer.store.parameters import MAX_ID
from indexer.store.queries import Queries
from indexer.store.values import AuditQuery
from indexer.types import AuditHead, AuditRecord

_PAGE = 5_000  # rows held at a time while the whole log is read


class AuditQueries(Queries):
    """The audit log within one transaction; `Catalog` has the rest."""

    def audit_head(self) -> AuditHead:
        """Return the end of the audit log."""
        log_id: str = self._connection.execute(select(CatalogInfo.log_id)).scalar_one()
        last = self._connection.execute(
            select(AuditRow.number, AuditRow.hash).order_by(AuditRow.number.desc()).limit(1)
        ).first()
        if last is None:
            return AuditHead(log_id, 0, genesis(log_id))
        return AuditHead(log_id, last.number, last.hash.hex())

    def audit_guard_flaws(self) -> list[str]:
        """Say what is wrong with the triggers that refuse changes of the audit log."""
        return audit_guard_flaws(self._connection)

    def last_audit_record(self) -> AuditRecord | None:
        """Return the last row of the audit log."""
        return next(iter(self.audit(AuditQuery(newest_first=True), limit=1)), None)

    def audit(self, query: AuditQuery, *, limit: int = 100) -> list[AuditRecord]:
        """Return a page of the audit log."""
        number = AuditRow.number
        wanted = _conditions(query)
        if query.newest_first:
            wanted += [number < min(query.cursor, MAX_ID)] if query.cursor else []
            statement = select(AuditRow.__table__).order_by(number.desc())
        else:
            wanted.append(number > min(query.cursor, MAX_ID))
            statement = select(AuditRow.__table__).order_by(number)
        rows = self._connection.execute(statement.where(*wanted).limit(limit))
        return [_record(row) for row in rows]

    def audit_rows(self) -> Iterator[AuditRecord]:
        """Yield the whole audit log, some thousand rows at a time."""
        after: int | None = None
        while True:
            statement = select(AuditRow.__table__).order_by(AuditRow.number).limit(_PAGE)
            if after is not None:
                statement = statement.where(AuditRow.number > after)
            rows = self._connection.execute(statement).all()
            yield from map(_record, rows)
            if len(rows) < _PAGE:
                return
            after = rows[-1].number


def _conditions(query: AuditQuery) -> list[ColumnElement[bool]]:
    wanted: list[ColumnElement[bool]] = []
    if query.action is not None:
        # compared as text, so that nothing in the prefix is taken for a pattern
        wanted.append(AuditRow.action.startswith(query.action, autoescape=True))
    if query.actor is not None:
        wanted.append(AuditRow.actor_name == query.actor)
    if query.since is not None:
        wanted.append(AuditRow.at >= query.since)
    if query.subject is not None:
        kind, _, subject_id = query.subject.partition(":")
        wanted.append(AuditRow.subject == kind)
        if subject_id:
            wanted.append(AuditRow.subject_id == subject_id)
    return wanted


def audit_columns(record: AuditRecord) -> dict[str, Any]:
    """Return a row of the audit log by column."""
    return {
        "number": record.number,
        "version": record.version,
        "at": record.at,
        "actor_kind": record.actor.kind,
        "actor_name": record.actor.name,
        "actor_address": record.actor.address,
        "request_id": record.request_id,
        "action": record.action,
        "subject": record.subject,
        "subject_id": record.subject_id,
        "detail": record.detail,
        "method": record.method,
        "previous": bytes.fromhex(record.previous),
        "hash": bytes.fromhex(record.hash),
    }


def _record(row: Row[Any]) -> AuditRecord:
    return AuditRecord(
        number=row.number,
        version=row.version,
        at=row.at,
        actor=Actor(row.actor_kind, row.actor_name, row.actor_address),
        request_id=row.request_id,
        action=row.action,
        subject=row.subject,
        subject_id=row.subject_id,
        detail=row.detail,
        method=row.method,
        previous=row.previous.hex(),
        hash=row.hash.hex(),
    )
