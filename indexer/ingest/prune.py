"""Pruning: closes missing sources after a complete walk."""

from typing import Final

import structlog

from indexer.ingest.ingest_report import IngestReport
from indexer.ingest.walk_coverage import WalkCoverage
from indexer.store import Store, Walk

log = structlog.get_logger(__name__)

_PAGE: Final = 1000


def prune(
    store: Store, walk: Walk, coverage: WalkCoverage, report: IngestReport, *, remove_orphans: bool
) -> None:
    """Close the sources that a walk would have met and did not; count them in the report.

    Call it after a complete walk only. A place that could not be looked behind (a closed folder, a
    damaged archive, a dangling link) keeps all that lies in it.

    Parameters
    ----------
    store : Store
    walk : Walk
        The walk whose mark was set on every source that it met.
    coverage : WalkCoverage
        What was walked.
    report : IngestReport
    remove_orphans : bool
        Whether to remove the images that no source is left of.

    Raises
    ------
    DatabaseUnavailable
        The database cannot be written; what was closed before is.
    """
    if not coverage.is_known:
        log.warning("pruning skipped: too many unreadable paths")
        return
    last = 0
    while True:
        with store.reader() as catalog:
            page = catalog.sources.page("", not_met_by=walk, after_id=last, limit=_PAGE)
        if not page:
            return
        last = page[-1].id
        gone = [source.id for source in page if coverage.covers(source.uri)]
        if gone:
            with store.writer() as writer:
                outcome = writer.sources.close(gone, remove_orphans=remove_orphans)
            report.pruned += outcome.closed
            report.orphaned += outcome.orphaned
            report.removed += outcome.removed
