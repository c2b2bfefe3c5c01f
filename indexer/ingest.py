"""From sources to the catalog: skip, read, decode, encode, and one transaction a batch."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeVar

from indexer import fingerprints
from indexer.errors import InputError, UnusableOutput
from indexer.images import decode
from indexer.model import Encoder, Prepared
from indexer.settings import Settings
from indexer.sources import SkippedSource, SourceFile, read
from indexer.spaces import load_bound_encoder
from indexer.store import Store
from indexer.types import Encoding, NewImage, Pdq, SourceStamp, Space

_LOOKUP = 512  # sources whose stamps are looked up in one query
_ItemT = TypeVar("_ItemT")


@dataclass(slots=True)
class IngestReport:
    """What a run did, counted as it goes."""

    added: int = 0
    """Images that the index did not hold before."""
    duplicates: int = 0
    """New sources of images that the index holds already."""
    unchanged: int = 0
    """Files that were indexed before and hold the same bytes still."""
    entries: int = 0
    """New entries of the bank."""
    skipped: list[SkippedSource] = field(default_factory=list)
    """What could not be indexed, with the reason."""

    @property
    def done(self) -> int:
        """Sources dealt with so far."""
        return self.added + self.duplicates + self.unchanged + len(self.skipped)


@dataclass(frozen=True, slots=True)
class _Known:
    """A source of an image that the catalog holds."""

    image_id: int
    stamp: SourceStamp


@dataclass(frozen=True, slots=True)
class _Read:
    """A file's bytes, identified."""

    stamp: SourceStamp
    data: bytes
    sha256: bytes


@dataclass(frozen=True, slots=True)
class _Picture:
    """A picture decoded and hashed, waiting for the model."""

    stamp: SourceStamp
    sha256: bytes
    md5: bytes
    pdq: Pdq
    width: int
    height: int
    format: str
    frame_count: int
    byte_size: int
    pixels: Prepared


@dataclass(slots=True)
class _Batch:
    """What one transaction will write."""

    unchanged: int = 0
    known: list[_Known] = field(default_factory=list)
    pictures: list[_Picture] = field(default_factory=list)
    skipped: list[SkippedSource] = field(default_factory=list)


class Ingest:
    """Adds sources to an index.

    Reading and decoding the next batch overlap with the forward pass and the commit of this one.
    Each batch is one transaction: a crash loses at most the batches not yet committed, and the same
    command run again skips what is there.
    """

    def __init__(self, store: Store, encoder: Encoder, space: Space, settings: Settings) -> None:
        self._store = store
        self._encoder = encoder
        self._space = space
        self._settings = settings

    def run(
        self,
        sources: Iterable[SourceFile | SkippedSource],
        *,
        bank_id: int | None = None,
        on_progress: Callable[[IngestReport], None] = lambda _report: None,
    ) -> IngestReport:
        """Index every source; what cannot be read is skipped with its reason.

        Parameters
        ----------
        sources : iterable of SourceFile or SkippedSource
            As `sources.walk` gives them.
        bank_id : int, optional
            Bank that every image becomes an entry of.
        on_progress : callable
            Called with the running report after each commit.

        Raises
        ------
        DatabaseUnavailable
            The database cannot be written; batches committed before are kept.
        """
        report = IngestReport()
        with (
            ThreadPoolExecutor(self._settings.worker_threads, "ingest") as workers,
            ThreadPoolExecutor(1, "read-ahead") as ahead,
        ):
            batches = self._batches(sources, workers, bank_id)
            upcoming = ahead.submit(next, batches, None)
            while (batch := upcoming.result()) is not None:
                upcoming = ahead.submit(next, batches, None)
                self._commit(batch, workers, bank_id, report)
                on_progress(report)
        return report

    def _batches(
        self,
        sources: Iterable[SourceFile | SkippedSource],
        workers: ThreadPoolExecutor,
        bank_id: int | None,
    ) -> Iterator[_Batch]:
        """Read and decode, a batch at a time."""
        for looked_up in _chunks(sources, _LOOKUP):
            batch = _Batch()
            pending = self._skip_unchanged(looked_up, batch, bank_id)
            for files in _chunks(pending, self._settings.batch_size):
                self._prepare(files, workers, batch)
                yield batch
                batch = _Batch()
            yield batch  # what was noted without a file to read; often empty

    def _skip_unchanged(
        self,
        sources: Sequence[SourceFile | SkippedSource],
        batch: _Batch,
        bank_id: int | None,
    ) -> list[SourceFile]:
        """Return the files that must be read; the rest is noted in the batch."""
        batch.skipped += [source for source in sources if isinstance(source, SkippedSource)]
        files = [source for source in sources if isinstance(source, SourceFile)]
        with self._store.reader() as catalog:
            known = catalog.known_sources([file.stamp.uri for file in files])
        pending = []
        for file in files:
            stamp = file.stamp
            before = known.get(stamp.uri)
            if before is None or (before.size, before.mtime_ns) != (stamp.size, stamp.mtime_ns):
                pending.append(file)
                continue
            if bank_id is None:
                batch.unchanged += 1
            else:  # it may not be an entry of this bank yet
                batch.known.append(_Known(before.image_id, stamp))
        return pending

    def _prepare(
        self, files: Sequence[SourceFile], workers: ThreadPoolExecutor, batch: _Batch
    ) -> None:
        """Read the files; decode those whose bytes the catalog does not hold."""
        loaded = _keep(workers.map(self._read, files), batch.skipped)
        with self._store.reader() as catalog:
            ids = catalog.ids_by_sha256({item.sha256 for item in loaded})
        batch.known += [
            _Known(ids[item.sha256], item.stamp) for item in loaded if item.sha256 in ids
        ]
        unknown = [item for item in loaded if item.sha256 not in ids]
        batch.pictures = _keep(workers.map(self._decode, unknown), batch.skipped)

    def _read(self, file: SourceFile) -> _Read | SkippedSource:
        try:
            data = read(file.path, self._settings.max_image_bytes)
        except InputError as error:
            return SkippedSource(file.stamp.uri, error.code, str(error))
        return _Read(file.stamp, data, fingerprints.sha256(data))

    def _decode(self, item: _Read) -> _Picture | SkippedSource:
        try:
            picture = decode(item.data, self._settings.image_limits)
            pixels = self._encoder.prepare(picture.rgb)
        except InputError as error:
            return SkippedSource(item.stamp.uri, error.code, str(error))
        height, width, _ = picture.rgb.shape
        return _Picture(
            stamp=item.stamp,
            sha256=item.sha256,
            md5=fingerprints.md5(item.data),
            pdq=fingerprints.pdq(picture.rgb),
            width=width,
            height=height,
            format=picture.format,
            frame_count=picture.frame_count,
            byte_size=len(item.data),
            pixels=pixels,
        )

    def _commit(
        self,
        batch: _Batch,
        workers: ThreadPoolExecutor,
        bank_id: int | None,
        report: IngestReport,
    ) -> None:
        """Encode and write one batch, then count it."""
        if not (batch.pictures or batch.known or batch.skipped):
            report.unchanged += batch.unchanged
            return
        new = [
            (_new_image(picture, encoding), picture.stamp)
            for picture, encoding in self._encode(batch, workers)
        ]
        known = [(item.image_id, item.stamp) for item in batch.known]
        with self._store.writer() as writer:
            outcome = writer.add_images(new, self._space.id, bank_id)
            joined = writer.add_sources(known, bank_id)
            writer.quarantine(batch.skipped)
            writer.release([stamp.uri for _, stamp in new + known])
        report.unchanged += batch.unchanged + len(known) - joined.sources
        report.added += outcome.added
        report.duplicates += outcome.duplicates + joined.sources
        report.entries += outcome.entries + joined.entries
        report.skipped += batch.skipped

    def _encode(
        self, batch: _Batch, workers: ThreadPoolExecutor
    ) -> list[tuple[_Picture, Encoding]]:
        """Run the model over the batch; pictures that it gives no usable answer for are skipped."""
        groups = _chunks(batch.pictures, self._encoder.batch_size)
        encoded = [row for rows in workers.map(self._forward, groups) for row in rows]
        return _keep(encoded, batch.skipped)

    def _forward(
        self, pictures: Sequence[_Picture]
    ) -> list[tuple[_Picture, Encoding] | SkippedSource]:
        try:
            encoding = self._encoder.forward([picture.pixels for picture in pictures])
        except UnusableOutput as error:
            if len(pictures) == 1:
                return [SkippedSource(pictures[0].stamp.uri, error.code, str(error))]
            return [row for picture in pictures for row in self._forward([picture])]
        rows = zip(pictures, encoding.probabilities, encoding.embeddings, strict=True)
        return [(picture, Encoding(*row)) for picture, *row in rows]


def open_ingest(store: Store, settings: Settings) -> Ingest:
    """Load the model that the index is bound to.

    Raises
    ------
    IndexNotInitialised
        The index is not bound to a model yet.
    ModelMismatch
        The settings name another model than the index was built with.
    """
    encoder, space = load_bound_encoder(store, settings)
    return Ingest(store, encoder, space, settings)


def _new_image(picture: _Picture, encoding: Encoding) -> NewImage:
    return NewImage(
        sha256=picture.sha256,
        md5=picture.md5,
        pdq=picture.pdq,
        width=picture.width,
        height=picture.height,
        format=picture.format,
        frame_count=picture.frame_count,
        byte_size=picture.byte_size,
        embedding=encoding.embeddings,
        probabilities=encoding.probabilities,
    )


def _keep(items: Iterable[_ItemT | SkippedSource], skipped: list[SkippedSource]) -> list[_ItemT]:
    """Return what is usable, in order; move the rest to `skipped`."""
    kept: list[_ItemT] = []
    for item in items:
        if isinstance(item, SkippedSource):
            skipped.append(item)
        else:
            kept.append(item)
    return kept


def _chunks(items: Iterable[_ItemT], size: int) -> Iterator[list[_ItemT]]:
    """Yield lists of `size` items, the last one shorter."""
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk
