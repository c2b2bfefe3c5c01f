"""Errors that may pass: try again later."""

from indexer.errors.base import LookalikeError


class UnavailableError(LookalikeError):
    """Nothing is wrong with the request; try again later."""

    code = "unavailable"
    exit_code = 5


class DatabaseUnavailable(UnavailableError):
    """The database cannot be reached or is locked."""

    code = "database_unavailable"


class DatabaseReplaced(UnavailableError):
    """The database is another one than when it was opened."""

    code = "database_replaced"


class ViewNotReady(UnavailableError):
    """The vector view has not caught up yet."""

    code = "view_not_ready"


class SnapshotNotWritten(UnavailableError):
    """A view could not be written to disk; what is there already is untouched."""

    code = "snapshot_not_written"


class ExportNotWritten(UnavailableError):
    """An exported model could not be written to disk."""

    code = "export_not_written"


class ListNotWritten(UnavailableError):
    """A list of fingerprints could not be written to disk; what is there already is untouched."""

    code = "list_not_written"


class AuditNotWritten(UnavailableError):
    """An export of the audit log could not be written to disk."""

    code = "audit_not_written"


class AuditUnavailable(UnavailableError):
    """Lookups cannot be written to the audit log, so none is answered."""

    code = "audit_unavailable"


class RunUnderWay(UnavailableError):
    """The index is being clustered already."""

    code = "run_under_way"
