"""Hourly log line with the audit log's head, so that a truncated log is noticed."""

from typing import Final

import structlog

from indexer.store import Store
from search_api.jobs.periodic import PeriodicTask

log = structlog.get_logger(__name__)
_HOUR: Final = 3600.0  # seconds


def log_audit_head(store: Store, *, interval: float = _HOUR) -> PeriodicTask:
    """Return what logs the head hourly, and once more at the end of its `with` block.

    `audit verify --expect` takes the head as it is logged.
    """

    def tell() -> None:
        with store.reader() as catalog:
            head = catalog.audit.head()
        log.info("audit head", head=f"{head.number}:{head.hash}", log_id=head.log_id)

    return PeriodicTask(
        tell, name="audit-head", interval=interval, doing="logging the audit head", at_end=True
    )
