"""Ingest: from sources to the catalog, one transaction a batch."""

from indexer.ingest.bank_ids import find_or_create_bank
from indexer.ingest.estimate import Estimate
from indexer.ingest.ingest_report import IngestReport
from indexer.ingest.ingest_run import Ingest, IngestOptions, open_ingest
from indexer.ingest.one_image import add_entry, make_image, write_entry
from indexer.ingest.plan import Plan, PlannedSource, PlannedSources, Planner

__all__ = [
    "Estimate",
    "Ingest",
    "IngestOptions",
    "IngestReport",
    "Plan",
    "PlannedSource",
    "PlannedSources",
    "Planner",
    "add_entry",
    "find_or_create_bank",
    "make_image",
    "open_ingest",
    "write_entry",
]
