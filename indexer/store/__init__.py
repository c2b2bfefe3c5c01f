"""The metadata database, the only place with SQLAlchemy: catalog, change log and migrations."""

from indexer.store.catalog import Catalog
from indexer.store.changes import EmbeddingFeed, PdqFeed
from indexer.store.migrate import check, current, upgrade
from indexer.store.store import Store, open_store
from indexer.store.values import (
    AddOutcome,
    Arrival,
    CloseOutcome,
    Counts,
    DatabaseFacts,
    OpenSource,
    QuarantinedFile,
    RemovalQuery,
    Tombstone,
    Walk,
)
from indexer.store.writer import Writer

__all__ = [
    "AddOutcome",
    "Arrival",
    "Catalog",
    "CloseOutcome",
    "Counts",
    "DatabaseFacts",
    "EmbeddingFeed",
    "OpenSource",
    "PdqFeed",
    "QuarantinedFile",
    "RemovalQuery",
    "Store",
    "Tombstone",
    "Walk",
    "Writer",
    "check",
    "current",
    "open_store",
    "upgrade",
]
