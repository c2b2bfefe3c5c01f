"""The metadata database, the only place with SQLAlchemy: catalog, change log and migrations."""

from indexer.store.access.idempotency import ANSWERS_KEPT
from indexer.store.banks.entry_edits import FOR_GOOD
from indexer.store.banks.lists import ListItem, ListPlan
from indexer.store.catalog import Catalog
from indexer.store.cluster_values import (
    Additions,
    BankShare,
    ClusterPart,
    ClusterReach,
    EntryVectors,
    FoundCluster,
    FoundLineage,
    FoundMembers,
    Landmarks,
    MemberPart,
    Membership,
    PartCounts,
    ScopedPieces,
    ScopedVectors,
)
from indexer.store.clusters.runs import SEMANTIC
from indexer.store.database.migrate import check, current, upgrade
from indexer.store.feeds.entry_feed import EntryPdqFeed
from indexer.store.feeds.image_feeds import EmbeddingFeed, PdqFeed
from indexer.store.store import Store, open_store
from indexer.store.values import (
    AddOutcome,
    Answer,
    Arrival,
    AuditQuery,
    BankDetails,
    CloseOutcome,
    DatabaseFacts,
    ImageFingerprints,
    NewRetroMatch,
    OpenSource,
    PictureVectors,
    QuarantinedFile,
    RemovalQuery,
    RemovedBy,
    RequestKey,
    StoredPicture,
    Tombstone,
    Walk,
)
from indexer.store.writer import Writer

__all__ = [
    "ANSWERS_KEPT",
    "FOR_GOOD",
    "SEMANTIC",
    "AddOutcome",
    "Additions",
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
    "Landmarks",
    "ListItem",
    "ListPlan",
    "MemberPart",
    "Membership",
    "NewRetroMatch",
    "OpenSource",
    "PartCounts",
    "PdqFeed",
    "PictureVectors",
    "QuarantinedFile",
    "RemovalQuery",
    "RemovedBy",
    "RequestKey",
    "ScopedPieces",
    "ScopedVectors",
    "Store",
    "StoredPicture",
    "Tombstone",
    "Walk",
    "Writer",
    "check",
    "current",
    "open_store",
    "upgrade",
]
