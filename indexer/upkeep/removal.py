"""Removal of images: hidden, or erased for good."""

from collections.abc import Sequence

from indexer.settings import Settings
from indexer.store import RemovalQuery, Store
from indexer.vector_views import forget_purged

_PAGE = 10_000


def select(store: Store, query: RemovalQuery) -> list[int]:
    """Return the ids of all images that a query finds, ascending.

    Raises
    ------
    NotFoundError
        There is no such bank.
    """
    ids: list[int] = []
    with store.reader() as catalog:
        while page := catalog.images.find(query, after_id=ids[-1] if ids else 0, limit=_PAGE):
            ids += page
    return ids


def remove(store: Store, ids: Sequence[int]) -> int:
    """Remove images from sight; return how many were active. Adding them again brings them back."""
    with store.writer() as writer:
        return writer.images.remove(ids)


def purge(store: Store, settings: Settings, ids: Sequence[int]) -> int:
    """Erase images from the database and all files of views and maps; return how many were erased.

    A tombstone stays of each: id, SHA-256 and when it was deleted. Programs that run meanwhile
    forget the vectors as soon as they read the log.

    Raises
    ------
    DatabaseUnavailable
        The database cannot be reached, or others kept on reading a SQLite: its WAL may still hold
        what was erased. `repair` finishes what an error cut off.
    SnapshotNotWritten
        The disk is full or cannot be written: snapshots may still hold what was erased. `repair`
        finishes it.
    """
    with store.writer() as writer:
        erased = writer.images.purge(ids)
    wipe(store, settings)
    return erased


def wipe(store: Store, settings: Settings) -> None:
    """Clear all files of what purges have erased from the catalog; errors are `purge`'s."""
    with store.reader() as catalog:
        space = catalog.spaces.active()
    forget_purged(store, space, settings)
    for kept in settings.maps_folder.glob("run-*"):
        kept.unlink(missing_ok=True)
    store.maintenance.scrub()
