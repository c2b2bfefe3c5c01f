"""Repair from the log, and the faults that it cannot repair."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

from indexer.engines.engine_choice import (
    drop_collection,
    engine_setting,
    leftover_collections,
)
from indexer.engines.engine_view import EngineView
from indexer.errors import LookalikeError, UnavailableError
from indexer.settings import Settings
from indexer.store import Store
from indexer.types import PartKind, SkippedSource, Space
from indexer.upkeep.consistency import SAMPLE, verify
from indexer.vector_views import find_leftovers, open_views, rebuild_views
from indexer.vectors.snapshot_inventory import ViewFiles, read_inventory
from indexer.vectors.view_folder import remove_view

NO_EMBEDDING: Final = "no_embedding"
"""Code under which files stand in quarantine that must be encoded again."""
_RETRY: Final = f"lookalike index quarantine retry --code {NO_EMBEDDING}"


@dataclass(frozen=True, slots=True)
class Repair:
    """What was mended, and what was not."""

    dry_run: bool
    """Whether nothing was done."""
    mended: tuple[str, ...]
    """A sentence for each thing that was mended, or would be."""
    left: tuple[str, ...]
    """A sentence for each problem that is there afterwards."""
    advice: tuple[str, ...]
    """What to do about those."""


@dataclass(frozen=True, slots=True)
class _Mending:
    """One thing to mend."""

    what: str
    do: Callable[[], object]


def repair(
    store: Store, settings: Settings, *, dry_run: bool = False, sample: int | None = SAMPLE
) -> Repair:
    """Mend an index from its log; nothing is deleted that the log cannot give back.

    Parameters
    ----------
    store : Store
    settings : Settings
    dry_run : bool
        Whether to only say what would be done.
    sample : int or None
        Images whose vectors are compared to find what is wrong; None compares those of all.

    Raises
    ------
    DatabaseUnavailable
        The database cannot be reached.
    SnapshotNotWritten
        The disk is full, or the folder of the views cannot be written.
    """
    with store.reader() as catalog:
        space = catalog.spaces.active()
        purged = catalog.gauges.counts().purged
    mended = []
    for mending in _find(store, space, settings, sample):
        if not dry_run:
            mending.do()
        mended.append(mending.what)
    if purged and not dry_run:
        store.maintenance.scrub()  # a purge may have been cut off before it did
    left = verify(store, settings, sample=sample).problems
    advice = () if dry_run else tuple(_advise(store, is_sound=not left))
    return Repair(dry_run=dry_run, mended=tuple(mended), left=left, advice=advice)


def _find(
    store: Store, space: Space | None, settings: Settings, sample: int | None
) -> Iterator[_Mending]:
    """Yield what can be mended, each once those before it are: the log first, views follow it."""
    yield from _announcements(store)
    for files in find_leftovers(space, settings):
        yield _Mending(
            f"The view {files.name} belongs to another model or other settings: removed.",
            partial(remove_view, files.folder),
        )
    if space:
        yield from _requeues(store)
        yield from _spoiled_semantics(store)
        yield from _leftover_collections(store, space, settings)
        yield from _views(store, space, settings, sample)


def _announcements(store: Store) -> Iterator[_Mending]:
    with store.reader() as catalog:
        images, entries = catalog.repair.unlogged_images(), catalog.repair.unlogged_entries()

    def announce() -> None:
        with store.writer() as writer:
            writer.log.relog_images(images)
            writer.log.relog_entries(entries)

    found = [
        f"{len(ids)} {what}" for ids, what in ((images, "images"), (entries, "entries")) if ids
    ]
    if found:
        yield _Mending(
            f"{' and '.join(found)} are not what the log says of them: logged as what they are.",
            announce,
        )


def _requeues(store: Store) -> Iterator[_Mending]:
    """Put the sources of images that must be encoded again into quarantine."""
    with store.reader() as catalog:
        records = catalog.images.get_many(catalog.repair.incomplete_images()).values()
    items = [
        SkippedSource(
            uri,
            NO_EMBEDDING,
            f"The database has lost what the model said of image {record.id}. Run `{_RETRY}` to "
            "encode it again from this file.",
        )
        for record in records
        for uri in record.sources
    ]

    def quarantine() -> None:
        with store.writer() as writer:
            writer.quarantine.add(items)

    if items:
        queued = sum(bool(record.sources) for record in records)
        yield _Mending(
            f"{queued} images have lost their embedding or class probabilities: their files were "
            "put into quarantine, to be encoded again.",
            quarantine,
        )


def _spoiled_semantics(store: Store) -> Iterator[_Mending]:
    """Delete semantic embeddings that no run could read."""
    with store.reader() as catalog:
        ids = catalog.repair.spoiled_semantics()

    def delete() -> None:
        with store.writer() as writer:
            writer.embeddings.drop_spoiled_semantics()

    if ids:
        yield _Mending(
            f"{len(ids)} semantic embeddings are not of their space's length: deleted. `lookalike "
            "model reembed` computes them again.",
            delete,
        )


def _leftover_collections(store: Store, space: Space, settings: Settings) -> Iterator[_Mending]:
    if (address := engine_setting(settings)) is None:
        return
    for position in leftover_collections(store, space, settings):
        yield _Mending(
            f"The vector engine {position.address} holds embeddings of another model "
            f"({position.collection}): dropped.",
            partial(drop_collection, store, settings, address, position),
        )


def _views(
    store: Store, space: Space, settings: Settings, sample: int | None
) -> Iterator[_Mending]:
    with store.reader() as catalog:
        head = catalog.log.head()
    for view in open_views(store, space, settings):
        on_disk = {files.name: files for files in read_inventory(settings.views_folder)}
        bad = view.check_snapshots()
        try:
            problems = view.check_index(sample=sample)
        except UnavailableError:
            raise
        except LookalikeError:
            continue  # the database itself holds what no view takes; `verify` says what
        if problems and isinstance(view, EngineView):
            yield _Mending(
                f"{' '.join(problems)} Sent again from the log.", partial(view.mend, sample=sample)
            )
        elif problems:
            yield _Mending(
                f"{' '.join(problems)} Rebuilt from the log.",
                partial(rebuild_views, store, space, settings),
            )
        elif isinstance(view, EngineView):
            continue  # nothing is on disk
        elif what := _snapshot_need(on_disk.get(view.name), bad, head):
            yield _Mending(f"The view {view.name} {what}: written anew.", view.snapshot)


def _snapshot_need(files: ViewFiles | None, bad: list[str], head: int) -> str | None:
    """Say why a sound view should be written to disk, if it should."""
    if bad:
        return f"has {len(bad)} snapshots that cannot be used ({' '.join(bad)})"
    if head and not (files and files.snapshots):
        return "has no snapshot"
    if files and files.unfinished:
        return f"has {files.unfinished} unfinished snapshots of programs that died"
    return None


def _advise(store: Store, *, is_sound: bool) -> Iterator[str]:
    """Say what to do about the problems that are left."""
    if is_sound:
        return
    with store.reader() as catalog:
        incomplete = catalog.images.get_many(catalog.repair.incomplete_images())
        tiled = any(
            PartKind.TILE in kinds for kinds in catalog.images.part_kinds(incomplete).values()
        )
    if any(record.sources for record in incomplete.values()):
        yield (
            f"Run `{_RETRY}{' --tiles' if tiled else ''}` to encode images again from their files."
        )
    if orphans := [record.id for record in incomplete.values() if not record.sources]:
        yield (
            f"No file is known of {len(orphans)} images, the first is {orphans[0]}: add their "
            "files again, or remove them with `lookalike index remove`."
        )
    yield (
        "Anything else that is wrong in the database cannot be had back from the log: restore it "
        "from a backup, or remove the images named with `lookalike index remove --purge` and add "
        "their files again."
    )
