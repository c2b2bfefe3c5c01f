"""Hash chain of the audit log: encoding, sealing and checking of rows.

docs/audit.md has the encoding in words, for those who check an export without this program.
"""

import hmac
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final

from indexer.errors import AuditBroken
from indexer.types import AuditEvent, AuditHead, AuditRecord, SealMethod

VERSION: Final = 1
_GENESIS: Final = "lookalike audit 1 "


def genesis(log_id: str) -> str:
    """Return what the first row of a log is chained to, 64 hex digits."""
    return sha256(f"{_GENESIS}{log_id}".encode()).hexdigest()


def canonical(value: Any) -> str:
    """Write a value as canonical JSON: keys sorted, no blanks, what is not ASCII as it is.

    Text that UTF-8 cannot hold (lone surrogates) is written as an escape, so that the result can
    be encoded, stored and read back as it is.
    """
    text = json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return text.encode("utf-8", "backslashreplace").decode()


def moment(at: datetime) -> str:
    """Write a moment as it is hashed: UTC with microseconds, `2026-01-02T03:04:05.000006Z`."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def plain(record: AuditRecord) -> dict[str, Any]:
    """Return a row as the flat object that is exported; all of it but `hash` is hashed."""
    return {
        "action": record.action,
        "actor_address": record.actor.address,
        "actor_kind": record.actor.kind,
        "actor_name": record.actor.name,
        "at": moment(record.at),
        "detail": record.detail,
        "hash": record.hash,
        "method": record.method,
        "number": record.number,
        "previous": record.previous,
        "request_id": record.request_id,
        "subject": record.subject,
        "subject_id": record.subject_id,
        "version": record.version,
    }


def seal_of(record: AuditRecord, key: bytes | None) -> str:
    """Return the hash that a row must have, 64 hex digits.

    Parameters
    ----------
    record : AuditRecord
        Its own hash does not count.
    key : bytes, optional
        Makes it an HMAC.
    """
    content = plain(record)
    del content["hash"]
    encoded = canonical(content).encode()
    return (hmac.new(key, encoded, sha256) if key else sha256(encoded)).hexdigest()


def link(head: AuditHead, events: Iterable[AuditEvent], key: bytes | None) -> Iterator[AuditRecord]:
    """Turn events into the rows that follow the end of a log.

    The detail must be plain JSON: numbers finite, keys text.
    """
    number, previous = head.number, head.hash
    for event in events:
        number += 1
        unsealed = AuditRecord(
            number=number,
            version=VERSION,
            at=event.at,
            actor=event.actor,
            request_id=event.request_id,
            action=event.action,
            subject=event.subject,
            subject_id=event.subject_id,
            detail=canonical(event.detail),
            method=(SealMethod.HMAC if key else SealMethod.SHA256).value,
            previous=previous,
            hash="",
        )
        previous = seal_of(unsealed, key)
        yield replace(unsealed, hash=previous)


@dataclass(slots=True)
class ChainCheck:
    """Follows a chain row by row, from its beginning."""

    log_id: str
    key: bytes | None = None
    expected: AuditHead | None = None
    number: int = 0
    hash: str = ""
    keyed: int = 0
    """Rows whose hash was made with a key."""
    unchecked: int = 0
    """Rows among them whose hash could not be checked: no key was given."""

    def __post_init__(self) -> None:
        self.hash = genesis(self.log_id)
        if self.expected is not None:
            self._compare()

    @property
    def head(self) -> AuditHead:
        """The last row that was found to be right."""
        return AuditHead(self.log_id, self.number, self.hash)

    def take(self, record: AuditRecord) -> None:
        """Check the row that follows.

        Raises
        ------
        AuditBroken
            It is not the one that was written, or rows before it are missing.
        """
        if record.number != self.number + 1:
            raise AuditBroken(
                self.number + 1, f"row {record.number} follows row {self.number}, out of sequence"
            )
        self._check_seal(record)
        if not hmac.compare_digest(record.previous, self.hash):
            raise AuditBroken(
                record.number,
                "its chain to the previous row is broken: that row was replaced or removed",
            )
        self.number, self.hash = record.number, record.hash
        self._compare()

    def finish(self) -> AuditHead:
        """Check that the rows go on at least to the end that was expected; return their end.

        Raises
        ------
        AuditBroken
            Rows are missing at the end.
        """
        if self.expected is not None and self.number < self.expected.number:
            raise AuditBroken(
                self.number + 1,
                f"the log ends at row {self.number}, but had {self.expected.number} rows",
            )
        return self.head

    def _check_seal(self, record: AuditRecord) -> None:
        if record.version != VERSION:
            raise AuditBroken(record.number, f"unknown encoding {record.version}")
        if record.method == SealMethod.HMAC:
            self.keyed += 1
            if self.key is None:
                self.unchecked += 1
                return
        elif record.method != SealMethod.SHA256 or self.keyed:
            raise AuditBroken(
                record.number, "its hash was made without the key of the previous rows"
            )
        key = self.key if record.method == SealMethod.HMAC else None
        if not hmac.compare_digest(record.hash, seal_of(record, key)):
            raise AuditBroken(
                record.number,
                "its content does not match its hash"
                + (", or LOOKALIKE_AUDIT_KEY is not its key" if key else ""),
            )

    def _compare(self) -> None:
        expected = self.expected
        if expected and expected.number == self.number and expected.hash != self.hash:
            raise AuditBroken(
                self.number, "its hash differs from the expected one: rows up to it were rewritten"
            )
