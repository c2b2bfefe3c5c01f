"""Appending to the audit log, within the transaction of what is written down."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, insert, select

from indexer.audit_chain import link
from indexer.errors import SettingsError
from indexer.runtime.actor import Actor, acting
from indexer.store.audit_queries import audit_columns
from indexer.store.catalog import Catalog
from indexer.store.columns import plain_json, storable
from indexer.store.models import AuditRow
from indexer.types import AuditEvent, AuditHead, SealMethod

_NAMED = 100  # ids that a row names at most: it counts them all


class Auditing(Catalog):
    """What appends to the audit log; it needs the log's lock."""

    def __init__(self, connection: Connection, audit_key: bytes | None = None) -> None:
        super().__init__(connection)
        self._audit_key = audit_key
        self._audited: AuditHead | None = None  # read when the first row is appended

    def append_audit(self, events: Sequence[AuditEvent]) -> None:
        """Append what happened, in this order.

        Raises
        ------
        SettingsError
            The log is sealed with a key, and we have none.
        """
        if not events:
            return
        head = self._audited or self._audit_end()
        records = list(link(head, map(_storable, events), self._audit_key))
        self._connection.execute(insert(AuditRow), [audit_columns(record) for record in records])
        self._audited = AuditHead(head.log_id, records[-1].number, records[-1].hash)

    def _audit(
        self, action: str, subject: str, subject_id: int | str | None, **detail: Any
    ) -> None:
        """Append what the calling context does, in the transaction of the change itself."""
        now = acting()
        identity = None if subject_id is None else str(subject_id)
        event = AuditEvent(
            datetime.now(UTC), now.actor, now.request_id, action, subject, identity, detail
        )
        self.append_audit([event])

    def _audit_end(self) -> AuditHead:
        head = self.audit_head()
        if self._audit_key is None and head.number:
            last = select(AuditRow.method).where(AuditRow.number == head.number)
            if self._connection.scalar(last) == SealMethod.HMAC:
                raise SettingsError(
                    "The audit log is sealed with a key, which this program does not have: it may "
                    "change nothing. Set LOOKALIKE_AUDIT_KEY as the other programs have it."
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
