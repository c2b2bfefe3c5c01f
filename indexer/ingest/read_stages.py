"""Read stages of a run: walk, read, and find the bytes that are new to the index."""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from threading import Event
from typing import Any, Final

from indexer.errors import InputError
from indexer.images import fingerprints
from indexer.images.parts import is_cut
from indexer.ingest.bounded_queue import BoundedQueue
from indexer.ingest.pipeline import Pipeline
from indexer.ingest.stage_messages import Known, Loaded, Unchanged, Wanted, skip
from indexer.ingest.walk_coverage import WalkCoverage
from indexer.settings import Settings
from indexer.sources import Found, SourceItem
from indexer.store import Catalog, Store
from indexer.types import KnownSource, PartKind, SkippedSource, SourceDetails, SourceStamp

_LOOKUP: Final = 512  # sources whose stamps are looked up in one query
_LOOKUP_BYTES: Final = 2**24
"""Size of the sources in one query: an archive that can only be streamed keeps a window of what
was listed, and listing must not run away from reading."""
_AHEAD: Final = 32  # sources, files or pictures that wait for the next stage
_AHEAD_BYTES: Final = 2**26
_UNKNOWN_SIZE: Final = 2**18  # bytes assumed of a source that does not say its size


@dataclass(frozen=True, slots=True)
class Completeness:
    """What an image that the index holds must not lack; else it is encoded again."""

    tiles: bool = False
    thumbnails: bool = False
    features: bool = False  # local ones


class ReadStages:
    """Skips unchanged sources, reads the rest, and finds the bytes that the index already holds.

    Parameters
    ----------
    store : Store
    settings : Settings
    coverage : WalkCoverage
        Learns what was walked.
    bank_id : callable
        Returns the id of the bank that a source's image is to join, for the bank's name in a
        manifest or None.
    required : Completeness
        What an image that the index holds has to have.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        coverage: WalkCoverage,
        *,
        bank_id: Callable[[str | None], int | None],
        required: Completeness,
    ) -> None:
        self._store = store
        self._settings = settings
        self._coverage = coverage
        self._bank_id = bank_id
        self._required = required

    def start(
        self,
        pipeline: Pipeline,
        sources: Iterable[Found],
        outcomes: BoundedQueue[Any],
    ) -> BoundedQueue[Loaded]:
        """Start the stages; return the queue of what is new.

        What is `Unchanged`, `Known` or skipped goes to `outcomes`.
        """
        wanted = BoundedQueue[Wanted](_AHEAD, _LOOKUP_BYTES)
        read = BoundedQueue[Loaded](_AHEAD, _AHEAD_BYTES)
        new = BoundedQueue[Loaded](_AHEAD, _AHEAD_BYTES)
        pipeline.source(
            "walk", lambda: self._walk(sources, wanted, outcomes, pipeline.stopping), wanted
        )
        pipeline.stage(
            "read",
            self._settings.read_threads,
            lambda items: self._read(items[0], read, outcomes),
            (wanted, read),
        )
        pipeline.stage(
            "identify", 1, lambda items: self._identify(items, new, outcomes), (read, new), _AHEAD
        )
        return new

    def _walk(
        self,
        sources: Iterable[Found],
        wanted: BoundedQueue[Wanted],
        outcomes: BoundedQueue[Any],
        stopping: Event,
    ) -> None:
        for group in _groups(sources, stopping):
            items = []
            for found in group:
                self._coverage.note(found)
                if isinstance(found, SkippedSource):
                    outcomes.put(found)
                else:
                    items.append(found)
            self._sort(items, wanted, outcomes)

    def _sort(
        self, items: list[SourceItem], wanted: BoundedQueue[Wanted], outcomes: BoundedQueue[Any]
    ) -> None:
        """Separate the sources that must be read from unchanged ones."""
        with self._store.reader() as catalog:
            known = catalog.sources.known([item.stamp.uri for item in items])
            lacking = self._lacking(catalog, {source.image_id for source in known.values()})
        unchanged = []
        for item in items:
            before = known.get(item.stamp.uri)
            try:
                source = Wanted(item, self._bank_id(item.bank), before)
            except InputError as error:  # the bank cannot be
                outcomes.put(skip(item.stamp.uri, error))
                continue
            if before is None or before.image_id in lacking or not is_same(before, item.stamp):
                size = item.stamp.size
                wanted.put(source, _UNKNOWN_SIZE if size is None else size)
            elif source.bank_id is None and item.details == SourceDetails():
                unchanged.append(source.uri)
            else:  # its image may not be an entry of the bank yet, or its details may be others
                outcomes.put(Known(source, before.image_id, bytes_read=0))
        if unchanged:
            outcomes.put(Unchanged(tuple(unchanged)))

    def _read(
        self, source: Wanted, read: BoundedQueue[Loaded], outcomes: BoundedQueue[Any]
    ) -> None:
        try:
            data = source.item.read(self._settings.max_image_bytes)
        except InputError as error:
            outcomes.put(skip(source.uri, error))
        else:
            read.put(Loaded(source, data, fingerprints.sha256(data)), len(data))

    def _identify(
        self, items: list[Loaded], new: BoundedQueue[Loaded], outcomes: BoundedQueue[Any]
    ) -> None:
        with self._store.reader() as catalog:
            ids = catalog.images.ids_by_sha256({item.sha256 for item in items})
            lacking = self._lacking(catalog, ids.values())
        for item in items:
            image_id = ids.get(item.sha256)
            if image_id is None or image_id in lacking:
                new.put(replace(item, image_id=image_id), len(item.data))
            else:
                outcomes.put(Known(item.wanted, image_id, len(item.data)))

    def _lacking(self, catalog: Catalog, image_ids: Collection[int]) -> set[int]:
        """Return the images that must be encoded again.

        Those of which the database lost what the model said; and those that are to have tiles, a
        thumbnail or local features, and have none, because they were added without.
        """
        incomplete = set(catalog.repair.incomplete_images(among=image_ids))
        if self._required.thumbnails:
            incomplete |= {*image_ids} - catalog.thumbnails.ids(image_ids)
        if self._required.features:
            incomplete |= {*image_ids} - catalog.local_features.ids(image_ids)
        if not self._required.tiles:
            return incomplete
        kinds = catalog.images.part_kinds(image_ids)
        untiled = [i for i in image_ids if PartKind.TILE not in kinds.get(i, ())]
        rules = self._settings.tile_rules
        return incomplete | {
            record.id
            for record in catalog.images.get_many(untiled).values()
            if is_cut(record.width, record.height, rules)
        }


def is_same(before: KnownSource, stamp: SourceStamp) -> bool:
    """Return whether a source is unchanged; without a version only its bytes would show it."""
    return bool(stamp.version) and (before.size, before.version) == (stamp.size, stamp.version)


def _groups(sources: Iterable[Found], stopping: Event) -> Iterator[list[Found]]:
    """Gather sources for one lookup, until the walk ends or is to stop."""
    group: list[Found] = []
    size = 0
    for found in sources:
        if stopping.is_set():
            return
        group.append(found)
        if isinstance(found, SourceItem):
            size += found.stamp.size or _UNKNOWN_SIZE
        if len(group) == _LOOKUP or size >= _LOOKUP_BYTES:
            yield group
            group, size = [], 0
    if group and not stopping.is_set():
        yield group
