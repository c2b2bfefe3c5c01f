"""The audit log: who did what and when, as one hash chain."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, insert, select

from indexer.audit_chain import genesis, link
from indexer.errors import SettingsError
from indexer.runtime.actor import Actor, acting
from indexer.store.log.audit_guard import audit_guard_flaws
from indexer.store.models import AuditRow, CatalogInfo
from indexer.store.models.columns import plain_json, storable
from indexer.store.queries import Queries, from_row
from indexer.store.sql_parameters import MAX_ID
from indexer.store.values import AuditQuery
from indexer.types import AuditEvent, AuditHead, AuditRecord, SealMethod

_PAGE = 5_000  # rows held at a time while the whole log is read
_NAMED = 100  # ids that a row names at most: it counts them all


class AuditRecords(Queries):
    """The audit log within one transaction."""

    def head(self) -> AuditHead:
        """Return the end of the audit log."""
        log_id: str = self._connection.execute(select(CatalogInfo.log_id)).scalar_one()
        last = self._connection.execute(
            select(AuditRow.number, AuditRow.hash).order_by(AuditRow.number.desc()).limit(1)
        ).first()
        if last is None:
            return AuditHead(log_id, 0, genesis(log_id))
        return AuditHead(log_id, last.number, last.hash.hex())

    def guard_flaws(self) -> list[str]:
        """Say what is wrong with the triggers that refuse changes of the audit log."""
        return audit_guard_flaws(self._connection)

    def last(self) -> AuditRecord | None:
        """Return the last row of the audit log."""
        return next(iter(self.page(AuditQuery(newest_first=True), limit=1)), None)

    def page(self, query: AuditQuery, *, limit: int = 100) -> list[AuditRecord]:
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

    def all(self) -> Iterator[AuditRecord]:
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


class Audit(AuditRecords):
    """The audit log within a transaction that holds the change log's lock: it appends.

    Parameters
    ----------
    connection : Connection
    key : bytes, optional
        Seals the rows; they are only chained without one.
    """

    def __init__(self, connection: Connection, key: bytes | None = None) -> None:
        super().__init__(connection)
        self._key = key
        self._end: AuditHead | None = None  # read when the first row is appended

    def append(self, events: Sequence[AuditEvent]) -> None:
        """Append what happened, in this order.

        Raises
        ------
        SettingsError
            The log is sealed with a key, and we have none.
        """
        if not events:
            return
        head = self._end or self._read_end()
        records = list(link(head, map(_storable, events), self._key))
        self._connection.execute(insert(AuditRow), [audit_columns(record) for record in records])
        self._end = AuditHead(head.log_id, records[-1].number, records[-1].hash)

    def record(
        self, action: str, subject: str, subject_id: int | str | None, **detail: Any
    ) -> None:
        """Append what the calling context does, in the transaction of the change itself."""
        now = acting()
        identity = None if subject_id is None else str(subject_id)
        event = AuditEvent(
            datetime.now(UTC), now.actor, now.request_id, action, subject, identity, detail
        )
        self.append([event])

    def _read_end(self) -> AuditHead:
        head = self.head()
        if self._key is None and head.number:
            last = select(AuditRow.method).where(AuditRow.number == head.number)
            if self._connection.scalar(last) == SealMethod.HMAC:
                raise SettingsError(
                    "The audit log is sealed with a key that this program does not have, so "
                    "it cannot change anything. Set LOOKALIKE_AUDIT_KEY as for the other "
                    "programs."
                )
        return head


def named(ids: Iterable[int]) -> dict[str, Any]:
    """Return how many ids there are and the first of them, for the detail of a row."""
    listed = sorted(ids)
    return {"count": len(listed), "ids": listed[:_NAMED]}


def only(ids: Sequence[int]) -> int | None:
    """Return the id if there is but one: then it is what the row is about."""
    return ids[0] if len(ids) == 1 else None


def _storable(event: AuditEvent) -> AuditEvent:
    """Return an event as it reads back from either database."""
    actor = event.actor
    return replace(
        event,
        actor=Actor(actor.kind, storable(actor.name), _text(actor.address)),
        request_id=_text(event.request_id),
        subject_id=_text(event.subject_id),
        detail=plain_json(event.detail),
    )


def _text(value: str | None) -> str | None:
    return None if value is None else storable(value)


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
    actor = Actor(row.actor_kind, row.actor_name, row.actor_address)
    return from_row(AuditRecord, row, actor=actor, previous=row.previous.hex(), hash=row.hash.hex())
