"""Errors of the audit log."""

from indexer.errors.error_families import MismatchError, UnavailableError


class AuditBroken(MismatchError):
    """A row of the audit log was changed or is missing."""

    def __init__(self, number: int, reason: str) -> None:
        super().__init__(
            f"The audit log is broken at row {number}: {reason}. Compare with an earlier "
            "export or backup; `lookalike audit list` shows the current rows."
        )
        self.number = number


class AuditUnguarded(MismatchError):
    """The audit log is not protected against changes."""

    def __init__(self, flaws: list[str]) -> None:
        super().__init__(
            f"The audit log is not protected against changes: {'; '.join(flaws)}. Compare "
            "with an earlier export or backup, and restore the triggers as docs/audit.md "
            "says."
        )


class AuditNotWritten(UnavailableError):
    """An export of the audit log could not be written to disk."""


class AuditUnavailable(UnavailableError):
    """Lookups cannot be written to the audit log, so none is answered."""
