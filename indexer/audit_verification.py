"""Verification of the audit log, in the database or in an export."""

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Any, Final

from indexer.audit_chain import ChainCheck, canonical, genesis, plain
from indexer.errors import (
    AuditBroken,
    AuditNotWritten,
    AuditUnguarded,
    InputError,
    UnreadableSource,
)
from indexer.runtime.actor import Actor
from indexer.store import Store
from indexer.types import AuditHead, AuditRecord

STDOUT: Final = "-"
_FORMAT: Final = "lookalike audit 1"
_TOLD: Final = 1_000  # rows between two calls of `on_progress`

OnProgress = Callable[[int, int], None]
"""Told how many rows are done, of how many."""


@dataclass(frozen=True, slots=True)
class AuditProof:
    """That a chain holds."""

    head: AuditHead
    keyed: int  # rows that were sealed with a key
    unchecked: int  # rows among them that were not checked, for want of it


def verify_store(
    store: Store, key: bytes | None, expected: AuditHead | None, on_progress: OnProgress
) -> AuditProof:
    """Check the chain in the database from its first row to its last.

    Parameters
    ----------
    store : Store
    key : bytes, optional
        LOOKALIKE_AUDIT_KEY.
    expected : AuditHead, optional
        A row that the log is known to have had.
    on_progress : callable

    Raises
    ------
    AuditBroken
        A row is not the one that was written, or rows are missing.
    AuditUnguarded
        The chain holds, and the triggers that refuse changes do not.
    """
    check = ChainCheck(store.log_id, key, expected)
    with store.reader() as catalog:
        last = catalog.audit.head().number
        proof = _prove(check, catalog.audit.all(), last, on_progress)
        if flaws := catalog.audit.guard_flaws():
            raise AuditUnguarded(flaws)
    return proof


def verify_export(
    path: Path, key: bytes | None, expected: AuditHead | None, on_progress: OnProgress
) -> AuditProof:
    """Check the chain in an export; parameters and errors as for `verify_store`.

    Raises
    ------
    UnreadableSource
        The file cannot be read.
    InputError
        It is no export of an audit log.
    """
    try:
        with path.open(encoding="utf-8") as lines:
            head = _read_header(path, lines.readline())
            check = ChainCheck(head.log_id, key, expected)
            proof = _prove(check, _records(lines), head.number, on_progress)
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableSource(f"{path} cannot be read ({error}). Name an export.") from error
    if (proof.head.number, proof.head.hash) != (head.number, head.hash):
        raise AuditBroken(
            proof.head.number + 1, f"the export had {head.number} rows when it was written"
        )
    return proof


def export_log(store: Store, target: str, on_progress: OnProgress) -> AuditHead:
    """Write the whole audit log as JSON lines that can be verified without the database.

    Parameters
    ----------
    store : Store
    target : str
        Path of a file, which is replaced once all is written; `-` for stdout.
    on_progress : callable

    Raises
    ------
    AuditNotWritten
        The file cannot be written.
    """
    with _writing(target) as out, store.reader() as catalog:
        head = catalog.audit.head()
        header = {"format": _FORMAT, "hash": head.hash, "log_id": head.log_id}
        out.write(canonical(header | {"number": head.number}) + "\n")
        for record in catalog.audit.all():
            out.write(canonical(plain(record)) + "\n")
            _tell(on_progress, record.number, head.number)
    return head


def parse_head(text: str, log_id: str) -> AuditHead:
    """Read the end of a log as it was printed: `NUMBER:HASH`.

    Raises
    ------
    InputError
        It is none.
    """
    number, _, digest = text.strip().partition(":")
    if number.isascii() and number.isdigit() and len(digest) == len(genesis("")):
        return AuditHead(log_id, int(number), digest.lower())
    raise InputError(
        f"{text!r} is not a valid audit log head. Pass it as `lookalike audit verify` "
        "prints it: NUMBER:HASH."
    )


def _prove(
    check: ChainCheck, records: Iterable[AuditRecord], last: int, on_progress: OnProgress
) -> AuditProof:
    for record in records:
        check.take(record)
        _tell(on_progress, record.number, last)
    return AuditProof(check.finish(), check.keyed, check.unchecked)


def _tell(on_progress: OnProgress, number: int, last: int) -> None:
    if number % _TOLD == 0 or number == last:
        on_progress(number, last)


def _read_header(path: Path, line: str) -> AuditHead:
    try:
        header = json.loads(line)
        if header["format"] == _FORMAT:
            return AuditHead(str(header["log_id"]), int(header["number"]), str(header["hash"]))
    except (ValueError, TypeError, KeyError):
        pass
    raise InputError(
        f"{path} is not an audit log export: its first line lacks {_FORMAT!r}. Name a "
        "file written by `lookalike audit export`."
    )


def _records(lines: Iterable[str]) -> Iterator[AuditRecord]:
    for number, line in enumerate(lines, 1):
        try:
            yield _record(json.loads(line))
        except (ValueError, TypeError, KeyError) as error:
            raise AuditBroken(number, "its line is invalid") from error


def _record(row: dict[str, Any]) -> AuditRecord:
    at = datetime.strptime(row["at"], "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    record = AuditRecord(
        number=int(row["number"]),
        version=row["version"],
        at=at,
        actor=Actor(row["actor_kind"], row["actor_name"], row["actor_address"]),
        request_id=row["request_id"],
        action=row["action"],
        subject=row["subject"],
        subject_id=row["subject_id"],
        detail=row["detail"],
        method=row["method"],
        previous=str(row["previous"]),
        hash=str(row["hash"]),
    )
    if plain(record) != row:
        raise ValueError
    return record


@contextmanager
def _writing(target: str) -> Iterator[IO[str]]:
    """Give what the export is written to; a file gets its name once it is complete."""
    if target == STDOUT:
        yield sys.stdout
        return
    path = Path(target)
    try:
        with NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, delete=False) as file:
            try:
                yield file
                file.flush()
                os.fsync(file.fileno())
                Path(file.name).replace(path)
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise
    except OSError as error:
        raise AuditNotWritten(
            f"The audit log cannot be written to {target} ({error.strerror}). Check the folder's "
            "permissions and free space, or name another file."
        ) from error
