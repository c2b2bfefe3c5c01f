"""The metadata database, the only place with SQLAlchemy: catalog, change log and migrations."""

from indexer.store.catalog import Catalog
from indexer.store.changes import EmbeddingFeed, PdqFeed
from indexer.store.entry_edits import FOR_GOOD
from indexer.store.entry_feed import EntryPdqFeed
from indexer.store.list_queries import ListItem, ListPlan
from indexer.store.migrate import check, current, upgrade
from indexer.store.scanning import NewRetroMatch
from indexer.store.store import Store, open_store
from indexer.store.values import (
    AddOutcome,
    Arrival,
    AuditQuery,
    BankDetails,
    CloseOutcome,
    Counts,
    DatabaseFacts,
    ImageFingerprints,
    OpenSource,
    PictureVectors,
    QuarantinedFile,
    RemovalQuery,
    RemovedBy,
    Tombstone,
    Walk,
)
from indexer.store.writer import Writer

__all__ = [
    "FOR_GOOD",
    "AddOutcome",
    "Arrival",
    "AuditQuery",
    "BankDetails",
    "Catalog",
    "CloseOutcome",
    "Counts",
    "DatabaseFacts",
    "EmbeddingFeed",
    "EntryPdqFeed",
    "ImageFingerprints",
    "ListItem",
    "ListPlan",
    "NewRetroMatch",
    "OpenSource",
    "PdqFeed",
    "PictureVectors",
    "QuarantinedFile",
    "RemovalQuery",
    "RemovedBy",
    "Store",
    "Tombstone",
    "Walk",
    "Writer",
    "check",
    "current",
    "open_store",
    "upgrade",
]
