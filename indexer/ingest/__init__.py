"""Ingest: from sources to the catalog, one transaction a batch."""

from indexer.ingest.bank_ids import find_or_create_bank
from indexer.ingest.estimate import Estimate
from indexer.ingest.ingest_report import IngestReport
from indexer.ingest.ingest_run import Ingest, IngestOptions, open_ingest
from indexer.ingest.job_parts import JobListing
from indexer.ingest.one_image import add_entry, make_image, write_entry
from indexer.ingest.part_worker import Worker, WorkReport
from indexer.ingest.plan import Plan, PlannedSource, PlannedSources, Planner
from indexer.ingest.ray_workers import RayOptions, check_ray, work_on_ray
from indexer.ingest.space_transfer import (
    SpaceTransfer,
    TransferOptions,
    open_transfer,
)
from indexer.ingest.transfer_plan import TransferPlan, plan_transfer
from indexer.ingest.transfer_report import MissingImage, TransferReport

__all__ = [
    "Estimate",
    "Ingest",
    "IngestOptions",
    "IngestReport",
    "JobListing",
    "MissingImage",
    "Plan",
    "PlannedSource",
    "PlannedSources",
    "Planner",
    "RayOptions",
    "SpaceTransfer",
    "TransferOptions",
    "TransferPlan",
    "TransferReport",
    "WorkReport",
    "Worker",
    "add_entry",
    "check_ray",
    "find_or_create_bank",
    "make_image",
    "open_ingest",
    "open_transfer",
    "plan_transfer",
    "work_on_ray",
    "write_entry",
]
