"""Listing of an ingest job: sources cut into parts, each small enough for one worker."""

import json
import zlib
from collections.abc import Callable, Iterable, Iterator
from threading import Event
from typing import Any, Final

from indexer.settings import Settings
from indexer.sources import (
    Found,
    Listed,
    ListedArchive,
    ListedImage,
    columns_of,
    is_outside,
    open_listed,
    open_sources,
)
from indexer.store import Store
from indexer.types import ClaimedPart, IngestJob, IngestJobOptions, NewIngestPart, SkippedSource

_ARCHIVE: Final = "archive"
_IMAGES: Final = "images"
_PARTS_AT_ONCE: Final = 20  # parts that one transaction writes
_SKIPPED_AT_ONCE: Final = 500


class JobListing:
    """Lists sources into the parts of a job; workers may take the first before the last is there.

    Parameters
    ----------
    store : Store
    part_size : int
        Images of a part at most. An archive is a part of its own, however many it holds.
    on_progress : callable
        Called with the images listed so far after each transaction.
    """

    def __init__(
        self,
        store: Store,
        part_size: int,
        on_progress: Callable[[int], None] = lambda _images: None,
    ) -> None:
        self._store = store
        self._part_size = part_size
        self._on_progress = on_progress
        self._images = 0
        self.skipped = 0
        """Sources that were put into quarantine."""
        self._rows: list[dict[str, Any]] = []
        self._parts: list[NewIngestPart] = []
        self._skipped: list[SkippedSource] = []

    def run(
        self,
        listed: Iterable[Listed],
        options: IngestJobOptions,
        name: str | None = None,
        stop: Event | None = None,
    ) -> IngestJob:
        """List all sources; what cannot be read goes to quarantine at once.

        Parameters
        ----------
        listed : iterable of ListedImage, ListedArchive or SkippedSource
            As `list_sources` gives it.
        options : IngestJobOptions
            What the workers do with every image.
        name : str, optional
            Of the job; `job-` and a number by default.
        stop : Event, optional
            Once it is set no more is listed, and the job stays unlisted; listing it again, under
            its name, starts over.

        Raises
        ------
        InputError
            A job of this name was listed already.
        LookalikeError
            The sources cannot be listed to their end, or the database cannot be written.
        """
        with self._store.writer() as writer:
            job = writer.ingest_jobs.begin(name, options)
        for item in listed:
            if stop is not None and stop.is_set():
                break
            self._add(item)
            if len(self._parts) >= _PARTS_AT_ONCE or len(self._skipped) >= _SKIPPED_AT_ONCE:
                self._flush(job)
        else:
            self._cut()
            self._flush(job)
            with self._store.writer() as writer:
                return writer.ingest_jobs.finish_listing(job)
        with self._store.reader() as catalog:
            return catalog.ingest_jobs.get(job.name)

    def _add(self, item: Listed) -> None:
        match item:
            case SkippedSource():
                if not is_outside(item):
                    self._skipped.append(item)
            case ListedArchive():
                content = _pack({_ARCHIVE: item.uri})
                self._parts.append(NewIngestPart(item.uri, None, content))
            case ListedImage():
                self._rows.append(columns_of(item))
                if len(self._rows) == self._part_size:
                    self._cut()

    def _cut(self) -> None:
        """Make a part of the images that wait."""
        if self._rows:
            content = _pack({_IMAGES: self._rows})
            self._parts.append(NewIngestPart(self._rows[0]["uri"], len(self._rows), content))
            self._rows = []

    def _flush(self, job: IngestJob) -> None:
        """Write all that waits in one transaction."""
        with self._store.writer() as writer:
            writer.ingest_jobs.add_parts(job, self._parts)
            writer.quarantine.add(self._skipped)
        self.skipped += len(self._skipped)
        self._images += sum(part.images or 0 for part in self._parts)
        self._parts, self._skipped = [], []
        self._on_progress(self._images)


def open_part(part: ClaimedPart, settings: Settings) -> Iterator[Found]:
    """Open the images of a part.

    Raises
    ------
    UnreadableSource
        Its archive cannot be opened, or this machine sees none of its files.
    """
    content = json.loads(zlib.decompress(part.content))
    if archive := content.get(_ARCHIVE):
        return open_sources([archive], settings)
    return open_listed(f"part {part.number} of job {part.job}", content[_IMAGES], settings)


def _pack(content: dict[str, Any]) -> bytes:
    return zlib.compress(json.dumps(content, separators=(",", ":")).encode())
