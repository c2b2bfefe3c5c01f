"""Space transfer: stored images embedded by another model, and the index bound to its space."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from threading import Event
from time import monotonic
from typing import Final

import structlog

from indexer.embedding_space import bound_space, model_reference, open_encoder
from indexer.errors import InputError, UnreadableSource
from indexer.images import fingerprints
from indexer.ingest.batch_queue import BatchQueue
from indexer.ingest.bounded_queue import BoundedQueue
from indexer.ingest.encode_stages import EncodeStages
from indexer.ingest.encoding import PictureEncoder
from indexer.ingest.stage_messages import Loaded, Outcome, Wanted, WantedParts, skip
from indexer.ingest.transfer_report import MissingImage, TransferReport
from indexer.model import Encoder
from indexer.settings import Settings
from indexer.sources import Found, SourceItem, open_known
from indexer.store import Store, StoredPicture
from indexer.types import UPLOAD, KnownSource, NewImage, SkippedSource, SourceStamp, Space

log = structlog.get_logger(__name__)

SOURCE_CHANGED: Final = "source_changed"
NO_SOURCE: Final = "no_source"
INCOMPLETE: Final = "incomplete"
_PAGE: Final = 50_000  # images whose sources are held in memory at a time
_AHEAD: Final = 32  # files or pictures that wait for the next stage
_AHEAD_BYTES: Final = 2**26
_UNKNOWN_SIZE: Final = 2**18  # bytes assumed of a source that does not say its size

_Items = Iterable[tuple[StoredPicture, Found]]


@dataclass(frozen=True, slots=True)
class TransferOptions:
    """Options of one transfer."""

    from_thumbnails: bool = False
    """Embed images whose files are gone or have changed from their thumbnails."""
    allow_missing: bool = False
    """Bind the index to the space even if images stay behind: only their hashes match then."""


@dataclass(frozen=True, slots=True)
class _Run:
    """What all passes of a run share."""

    options: TransferOptions
    report: TransferReport
    tell: Callable[[], None]
    """Called after each commit."""
    stop: Event


@dataclass(slots=True)
class _Page:
    """Images that are embedded together, and what became of them."""

    left: dict[int, StoredPicture]
    """Those that are not complete, by id."""
    failures: dict[int, SkippedSource] = field(default_factory=dict)
    """Why the newest attempt at one failed."""


class SpaceTransfer:
    """Embeds every active image in the space of another model, then binds the index to it.

    Semantic embeddings come with it, and are computed for images that lack nothing else, too. An
    image that is left without one is listed as missing, which does not keep the index from being
    bound.

    Until then the index works as before; what is committed stays if the run is cut off, and the
    next one goes on from there. A source counts only while its bytes have the image's SHA-256.
    The parts are those that the index holds.

    Parameters
    ----------
    store : Store
    encoder : Encoder
        The model.
    space : Space
        Its space, registered.
    settings : Settings
    """

    def __init__(self, store: Store, encoder: Encoder, space: Space, settings: Settings) -> None:
        self._store = store
        self._encoder = encoder
        self._space = space
        self._settings = settings.model_copy(
            update={"keep_thumbnails": False, "keep_features": False}
        )
        self._picture_encoder = PictureEncoder(encoder, self._settings, tiled=False)
        self._missing: dict[int, MissingImage] = {}
        self._only_semantics: set[int] = set()

    def run(
        self,
        options: TransferOptions,
        *,
        on_progress: Callable[[TransferReport], None] = lambda _report: None,
        stop: Event | None = None,
    ) -> TransferReport:
        """Embed what is not complete; bind the index to the space once nothing is missing.

        Parameters
        ----------
        options : TransferOptions
        on_progress : callable
            Called with the running report after each commit, by the calling thread.
        stop : Event, optional
            Once it is set nothing new is begun; what is under way is finished and committed.

        Raises
        ------
        LookalikeError
            What a stage cannot go on after, such as DatabaseUnavailable. What was complete by then
            is committed if the database allows.
        """
        begun = monotonic()
        before = bound_space(self._store)
        space = self._space
        report = TransferReport(space.model, space.fingerprint, before.fingerprint)

        def tell() -> None:
            report.time(monotonic() - begun)
            on_progress(report)

        run = _Run(options, report, tell, stop or Event())
        while True:  # what others add in the earlier space meanwhile is embedded, too
            for image_ids in self._pages(report):
                self._embed(image_ids, run)
                if report.interrupted:
                    return report
            if self._bind(options, report, before):
                break
        report.time(monotonic() - begun)
        return report

    def _pages(self, report: TransferReport) -> Iterator[list[int]]:
        """Yield the images that are not complete and were not tried yet."""
        with self._store.reader() as catalog:
            lacking = set(catalog.embeddings.lacking(self._space.id))
            semantic = catalog.spaces.semantic(self._space.id)
            also = catalog.embeddings.lacking_semantics(semantic.id) if semantic else []
        self._only_semantics = set(also) - lacking
        ids = sorted((lacking | self._only_semantics) - self._missing.keys())
        report.wanted += len(ids)
        for start in range(0, len(ids), _PAGE):
            yield ids[start : start + _PAGE]

    def _bind(self, options: TransferOptions, report: TransferReport, before: Space) -> bool:
        """Bind the index to the space if all is there; return whether there is nothing left to try.

        Nobody writes meanwhile, so nothing can be added that the space lacks.
        """
        with self._store.writer() as writer:
            lacking = writer.embeddings.lacking(self._space.id)
            if not self._missing.keys() >= set(lacking):
                return False
            active = writer.spaces.active()
            if active is not None and active.id == self._space.id:
                report.active = True
            elif options.allow_missing or not lacking:
                writer.spaces.activate(self._space.id, missing=len(lacking))
                bounds = writer.cards.bounds(before.id)
                report.stale_cards = sum(bound.space_id == before.id for bound in bounds)
                report.active = True
                log.info("space activated", space=self._space.fingerprint, missing=len(lacking))
        return True

    def _embed(self, image_ids: list[int], run: _Run) -> None:
        """Embed images: from their first source, the rest from the next; then from thumbnails."""
        with self._store.reader() as catalog:
            pictures = catalog.embeddings.pictures(image_ids)
        only_whole = self._only_semantics
        page = _Page(
            {
                one.image_id: replace(one, parts=()) if one.image_id in only_whole else one
                for one in pictures
            }
        )
        for turn in count():
            by_uri = {one.sources[turn]: one for one in page.left.values() if one.sources[turn:]}
            if not by_uri or run.report.interrupted:
                break
            self._pass(self._files(by_uri), page, run)
        if run.options.from_thumbnails and not run.report.interrupted:
            kept = [one for one in page.left.values() if one.has_thumbnail]
            thumbnails = ((one, _Thumbnail.of(one, self._store)) for one in kept)
            self._pass(thumbnails, page, run, approximate=True)
        if run.report.interrupted:
            return
        for one in page.left.values():
            missing = _missing(one, page.failures.get(one.image_id))
            self._missing[one.image_id] = missing
            run.report.miss(missing)
            run.report.missing_semantics += one.image_id in self._only_semantics

    def _files(self, wanted: Mapping[str, StoredPicture]) -> _Items:
        """Find the source of each picture."""
        for uri, picture in wanted.items():
            if uri.startswith(UPLOAD):
                reason = "It was uploaded to the server, which keeps no bytes."
                yield picture, SkippedSource(uri, NO_SOURCE, reason)
        files = (uri for uri in wanted if not uri.startswith(UPLOAD))
        for found in open_known(files, self._settings):
            uri = found.uri if isinstance(found, SkippedSource) else found.stamp.uri
            yield wanted[uri], found

    def _pass(self, items: _Items, page: _Page, run: _Run, *, approximate: bool = False) -> None:
        """Send pictures through the pipeline; take those that are complete out of the page."""
        by_uri: dict[str, int] = {}
        with BatchQueue(self._settings.batch_size, run.stop) as queue:
            self._start(queue, items, by_uri)
            for batch in queue.batches():
                for item in batch.skipped:
                    page.failures[by_uri[item.uri]] = item
                images = {by_uri[item.wanted.uri]: item.image for item in batch.encoded}
                complete = self._commit(images, page, approximate=approximate)
                run.report.parts += sum(len(image.parts) for image in images.values())
                if approximate:
                    run.report.approximate += complete
                else:
                    run.report.embedded += complete
                    for image_id in images.keys() & page.failures.keys():
                        del page.failures[image_id]  # a later source was there
                run.tell()
            run.report.interrupted = queue.interrupted

    def _start(self, queue: BatchQueue, items: _Items, by_uri: dict[str, int]) -> None:
        """Start the stages: find, read, decode and encode."""
        pipeline, outcomes = queue.pipeline, queue.outcomes
        found = BoundedQueue[tuple[StoredPicture, Wanted]](_AHEAD, _AHEAD_BYTES)
        read = BoundedQueue[Loaded](_AHEAD, _AHEAD_BYTES)

        def find() -> None:
            for picture, item in items:
                if pipeline.stopping.is_set():
                    return
                uri = item.uri if isinstance(item, SkippedSource) else item.stamp.uri
                by_uri[uri] = picture.image_id
                if isinstance(item, SkippedSource):
                    outcomes.put(item)
                    continue
                size = item.stamp.size
                known = KnownSource(picture.image_id, size, item.stamp.version)
                wanted = Wanted(item, None, known)
                found.put((picture, wanted), _UNKNOWN_SIZE if size is None else size)

        pipeline.source("find", find, found)
        pipeline.stage(
            "read",
            self._settings.read_threads,
            lambda pairs: self._read(*pairs[0], read, outcomes),
            (found, read),
        )
        EncodeStages(self._picture_encoder, outcomes).start(
            pipeline, read, self._settings.worker_threads, self._encoder.batch_size
        )

    def _read(
        self,
        picture: StoredPicture,
        wanted: Wanted,
        read: BoundedQueue[Loaded],
        outcomes: BoundedQueue[Outcome],
    ) -> None:
        try:
            data = wanted.item.read(self._settings.max_image_bytes)
        except InputError as error:
            outcomes.put(skip(wanted.uri, error))
            return
        is_file = not isinstance(wanted.item, _Thumbnail)
        if is_file and fingerprints.sha256(data) != picture.sha256:
            reason = "The file holds other bytes than when it was indexed."
            outcomes.put(SkippedSource(wanted.uri, SOURCE_CHANGED, reason))
            return
        frameless = tuple(part for part in picture.parts if part.box is not None)
        parts = WantedParts(picture.parts if is_file else frameless, picture.size)
        read.put(Loaded(wanted, data, picture.sha256, picture.image_id, parts), len(data))

    def _commit(self, images: Mapping[int, NewImage], page: _Page, *, approximate: bool) -> int:
        """Write images in one transaction; take the complete ones out of the page, and count."""
        if images:
            with self._store.writer() as writer:
                writer.embeddings.embed(images, self._space.id, approximate=approximate)
        complete = [
            image_id
            for image_id, image in images.items()
            if {part.part for part in image.parts}.issuperset(page.left[image_id].parts)
        ]
        for image_id in complete:
            del page.left[image_id]
        return len(complete)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Thumbnail(SourceItem):
    """The thumbnail of an image, in place of its file."""

    image_id: int
    store: Store

    @classmethod
    def of(cls, picture: StoredPicture, store: Store) -> "_Thumbnail":
        uri = f"thumbnail:{picture.image_id}"
        return cls(
            stamp=SourceStamp(uri, None, ""), root=uri, image_id=picture.image_id, store=store
        )

    def read(self, max_bytes: int) -> bytes:  # noqa: ARG002 -- it is always small
        with self.store.reader() as catalog:
            found = catalog.thumbnails.get_many([self.image_id])
        if self.image_id not in found:
            raise UnreadableSource(f"Image {self.image_id} lost its thumbnail. Run again.")
        return found[self.image_id]


def _missing(picture: StoredPicture, failure: SkippedSource | None) -> MissingImage:
    """Say why an image could not be embedded."""
    if failure is not None:
        source, code, reason = failure.uri, failure.code, failure.message
    elif picture.sources:
        source, code = picture.sources[-1], INCOMPLETE
        reason = "The model has no answer for some of its parts."
    else:
        source, code, reason = None, NO_SOURCE, "No source of it is known."
    return MissingImage(picture.image_id, source, code, reason, picture.has_thumbnail)


def open_transfer(store: Store, settings: Settings) -> SpaceTransfer:
    """Load the settings' model and register its space.

    Raises
    ------
    IndexNotInitialised
        The index is not bound to a model yet.
    InvalidModel
        The settings name no usable model.
    ClassifierMismatch
        They name one of the index's own space with another classifier.
    """
    bound_space(store)
    encoder = open_encoder(model_reference(store, settings), settings)
    card = encoder.card
    with store.writer() as writer:
        space = writer.spaces.add(
            fingerprint=card.fingerprint,
            model=card.reference,
            architecture=card.architecture,
            dimension=card.dimension,
            labels=card.labels,
            classifier=card.classifier,
        )
        if card.semantic:
            writer.spaces.replace_semantic(
                space, card.semantic.fingerprint, card.semantic.dimension
            )
    return SpaceTransfer(store, encoder, space, settings)
