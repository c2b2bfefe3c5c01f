"""The metadata database, the only place with SQLAlchemy: catalog, change log and migrations."""

from indexer.store.catalog import Catalog
from indexer.store.changes import EmbeddingFeed, PdqFeed
from indexer.store.migrate import check, current, upgrade
from indexer.store.store import Store, open_store
from indexer.store.values import AddOutcome, Counts, QuarantinedFile
from indexer.store.writer import Writer

__all__ = [
    "AddOutcome",
    "Catalog",
    "Counts",
    "EmbeddingFeed",
    "PdqFeed",
    "QuarantinedFile",
    "Store",
    "Writer",
    "check",
    "current",
    "open_store",
    "upgrade",
]
