"""Audit log rows, heads and events."""

import json
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from indexer.runtime.actor import Actor
from indexer.types.described import described


class SealMethod(StrEnum):
    """How a row's hash was made."""

    SHA256 = "sha256"
    HMAC = "hmac-sha256"  # with the key of LOOKALIKE_AUDIT_KEY


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """Something that happened, not written down yet."""

    at: datetime
    actor: Actor
    request_id: str | None
    action: str  # dotted: "bank.create"
    subject: str
    subject_id: str | None = None
    detail: dict[str, Any] = field(default_factory=dict)


@described
@dataclass(frozen=True, slots=True)
class AuditHead:
    """The end of the audit log: kept elsewhere, it shows later that no row was cut off."""

    log_id: str
    """Which log it is of."""
    number: int
    """Of the last row; 0 while there is none."""
    hash: str
    """Of the last row, hexadecimal; what the first row is chained to while there is none."""


@described
@dataclass(frozen=True, slots=True)
class AuditEntry:
    """A row of the audit log, as it is shown."""

    number: int
    """1, 2, 3 in the order of the commits, without gaps."""
    at: datetime
    """When it happened."""
    actor: Actor
    """Who did it."""
    request_id: str | None
    """The HTTP request that it was done in."""
    action: str
    """What was done, such as `bank.create` or `lookup.search`."""
    subject: str
    """To what kind of thing."""
    subject_id: str | None
    """Its id, or the SHA-256 of a query; null for several things."""
    detail: dict[str, Any]
    """What else there is to say of it, by action."""
    hash: str
    """Hash of the row, hexadecimal."""


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """A row of the audit log, exactly as it was hashed."""

    number: int  # 1, 2, 3 in the order of the commits, without gaps
    version: int  # of the encoding that is hashed
    at: datetime
    actor: Actor
    request_id: str | None
    action: str
    subject: str
    subject_id: str | None
    detail: str  # a JSON object as text, canonical
    method: str  # a SealMethod, unless someone tampered with it
    previous: str  # hash of the row before, hexadecimal
    hash: str

    def shown(self) -> AuditEntry:
        """Return the row as it is shown."""
        return AuditEntry(
            number=self.number,
            at=self.at,
            actor=self.actor,
            request_id=self.request_id,
            action=self.action,
            subject=self.subject,
            subject_id=self.subject_id,
            detail=_parsed(self.detail),
            hash=self.hash,
        )


def _parsed(detail: str) -> dict[str, Any]:
    try:
        value = json.loads(detail)
    except ValueError:  # someone tampered with it
        return {"unreadable": detail}
    return value if isinstance(value, dict) else {"unreadable": detail}
