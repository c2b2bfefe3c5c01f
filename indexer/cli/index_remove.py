"""Body of `index remove`."""

from indexer.cli.output import print_json
from indexer.errors import InputError
from indexer.runtime.terminal import echo
from indexer.settings import Settings
from indexer.store import RemovalQuery, Store
from indexer.upkeep.removal import purge, remove, select

_SHOWN = 20  # ids named on a terminal; --json has them all
_ERASED = """\
Erased: embeddings, class probabilities, fingerprints, sources and what manifests said of them, in
the database and in all snapshots of the views.
Kept as proof: id, SHA-256, when they were added, removed and purged.
Not touched: the files themselves, backups of the database or the home folder, and what a disk keeps
of deleted files until it is overwritten."""
_ERASED_ON_POSTGRES = (
    "Nor what Postgres keeps in its write-ahead log and on replicas until it recycles them."
)


def remove_images(
    store: Store,
    settings: Settings,
    query: RemovalQuery,
    *,
    purged: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Remove what a query finds and print it; finding nothing is refused.

    Raises
    ------
    InputError
        The query finds nothing.
    """
    ids = select(store, query)
    if not ids:
        raise InputError(
            "No image matches all options. `lookalike index list` shows what the index holds."
        )
    if not dry_run:
        if purged:
            purge(store, settings, ids)
        else:
            remove(store, ids)
    if as_json:
        print_json({"removed": ids, "purged": purged, "dry_run": dry_run})
        return
    verb = "purged" if purged else "removed"
    shown = ", ".join(map(str, ids[:_SHOWN])) + (", ..." if len(ids) > _SHOWN else "")
    echo(f"{len(ids)} images {'would be ' if dry_run else ''}{verb}: {shown}")
    if purged and not dry_run:
        echo(_ERASED)
        if not store.location.startswith("sqlite"):
            echo(_ERASED_ON_POSTGRES)
