"""The metadata database, the only place with SQLAlchemy: catalog, change log and migrations."""

from indexer.store.answering import ANSWERS_KEPT
from indexer.store.catalog import Catalog
from indexer.store.changes import EmbeddingFeed, PdqFeed
from indexer.store.cluster_edits import ClusterPart
from indexer.store.entry_edits import FOR_GOOD
from indexer.store.entry_feed import EntryPdqFeed
from indexer.store.list_queries import ListItem, ListPlan
from indexer.store.migrate import check, current, upgrade
from indexer.store.report_values import BankShare, EntryVectors, MemberPart
from indexer.store.scanning import NewRetroMatch
from indexer.store.store import Store, open_store
from indexer.store.values import (
    AddOutcome,
    Answer,
    Arrival,
    AuditQuery,
    BankDetails,
    CloseOutcome,
    ClusterReach,
    DatabaseFacts,
    FoundCluster,
    FoundLineage,
    FoundMembers,
    ImageFingerprints,
    Membership,
    OpenSource,
    PictureVectors,
    QuarantinedFile,
    RemovalQuery,
    RemovedBy,
    RequestKey,
    ScopedVectors,
    Tombstone,
    Walk,
)
from indexer.store.writer import Writer

__all__ = [
    "ANSWERS_KEPT",
    "FOR_GOOD",
    "AddOutcome",
    "Answer",
    "Arrival",
    "AuditQuery",
    "BankDetails",
    "BankShare",
    "Catalog",
    "CloseOutcome",
    "ClusterPart",
    "ClusterReach",
    "DatabaseFacts",
    "EmbeddingFeed",
    "EntryPdqFeed",
    "EntryVectors",
    "FoundCluster",
    "FoundLineage",
    "FoundMembers",
    "ImageFingerprints",
    "ListItem",
    "ListPlan",
    "MemberPart",
    "Membership",
    "NewRetroMatch",
    "OpenSource",
    "PdqFeed",
    "PictureVectors",
    "QuarantinedFile",
    "RemovalQuery",
    "RemovedBy",
    "RequestKey",
    "ScopedVectors",
    "Store",
    "Tombstone",
    "Walk",
    "Writer",
    "check",
    "current",
    "open_store",
    "upgrade",
]
