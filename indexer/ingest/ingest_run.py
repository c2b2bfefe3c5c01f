"""Ingest run: sources through the pipeline, batches into the catalog."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from threading import Event
from time import monotonic
from typing import Final

from indexer.embedding_space import load_bound_encoder
from indexer.ingest.bank_ids import BankIds
from indexer.ingest.batch_queue import BatchQueue
from indexer.ingest.encode_stages import EncodeStages
from indexer.ingest.encoding import PictureEncoder
from indexer.ingest.ingest_report import IngestReport
from indexer.ingest.part_lease import PartLease
from indexer.ingest.prune import prune
from indexer.ingest.read_stages import Completeness, ReadStages
from indexer.ingest.throughput import LEAST_IMAGES, Throughput, save_throughput
from indexer.ingest.walk_coverage import WalkCoverage
from indexer.model import Encoder
from indexer.runtime.timing import listening
from indexer.settings import Settings
from indexer.sources import Found
from indexer.store import Store, Walk
from indexer.types import Space


@dataclass(frozen=True, slots=True)
class IngestOptions:
    """Options of one run, besides adding sources."""

    tiled: bool = False
    """Cut large pictures into tiles that are matched on their own."""
    thumbnails: bool = False
    """Make the thumbnails of known images that have none."""
    features: bool = False
    """Find the local features of known images that have none."""
    prune: bool = False
    """Close the sources that were walked past and are gone."""
    remove_orphans: bool = False
    """With `prune`: remove the images that no source is left of."""


_PLAIN: Final = IngestOptions()


class Ingest:
    """Adds sources to an index.

    The stages are threads of their own with bounded queues between them: walk, read, decode and
    encode (on a GPU encode is a stage of its own, in batches), commit. Each batch is one
    transaction: a crash loses at most the batches not yet committed, and the same command run
    again skips what is there. Pictures are committed in the order in which they are ready, so a
    slow one holds up no other.
    """

    def __init__(self, store: Store, encoder: Encoder, space: Space, settings: Settings) -> None:
        self._store = store
        self._encoder = encoder
        self._space = space
        self._settings = settings

    def run(
        self,
        sources: Iterable[Found],
        options: IngestOptions = _PLAIN,
        *,
        bank_id: int | None = None,
        on_progress: Callable[[IngestReport], None] = lambda _report: None,
        stop: Event | None = None,
        lease: PartLease | None = None,
    ) -> IngestReport:
        """Index every source; what cannot be read is skipped with its reason.

        Parameters
        ----------
        sources : iterable of SourceItem or SkippedSource
            As `open_sources` or `walk` give them; iterated in a thread of its own.
        options : IngestOptions
        bank_id : int, optional
            Bank that every image becomes an entry of whose source names none.
        on_progress : callable
            Called with the running report after each commit, by the calling thread.
        stop : Event, optional
            Once it is set nothing new is begun; the pictures that are being decoded and encoded
            are finished and committed, and the report is marked as interrupted.
        lease : PartLease, optional
            Of the part of a job that the sources are: every batch renews it in its transaction,
            and the last one of a run that is not interrupted marks the part as done.

        Raises
        ------
        LookalikeError
            What a stage cannot go on after, such as DatabaseUnavailable. What was complete by then
            is committed if the database allows.
        LeaseLost
            Another worker has the part now.
        """
        begun = monotonic()
        report = IngestReport()
        coverage = WalkCoverage()
        walk = self._begin_walk() if options.prune else None
        read_stages = ReadStages(
            self._store,
            self._settings,
            coverage,
            bank_id=BankIds(self._store, bank_id),
            required=Completeness(options.tiled, options.thumbnails, options.features),
        )
        picture_encoder = PictureEncoder(self._encoder, self._settings, tiled=options.tiled)
        with (
            listening(report.time_lock),
            BatchQueue(self._settings.batch_size, stop) as queue,
        ):
            new = read_stages.start(queue.pipeline, sources, queue.outcomes)
            EncodeStages(picture_encoder, queue.outcomes).start(
                queue.pipeline, new, self._settings.worker_threads, self._encoder.batch_size
            )
            for batch in queue.batches():
                batch.commit(self._store, self._space, walk, report, lease)
                report.time(monotonic() - begun)
                on_progress(report)
            report.interrupted = queue.interrupted
        if walk and not report.interrupted:
            prune(self._store, walk, coverage, report, remove_orphans=options.remove_orphans)
        report.time(monotonic() - begun)
        if not options.tiled:  # tiles take far longer than a plan without them should expect
            self._remember(report)
        return report

    def _begin_walk(self) -> Walk:
        with self._store.reader() as catalog:
            return catalog.sources.begin_walk()

    def _remember(self, report: IngestReport) -> None:
        """Save the throughput of this run for the next plan."""
        if report.encoded >= LEAST_IMAGES:
            threads = self._settings.worker_threads
            throughput = Throughput(
                self._space.fingerprint, threads, report.encoded, report.seconds
            )
            save_throughput(self._settings.home, throughput)


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
