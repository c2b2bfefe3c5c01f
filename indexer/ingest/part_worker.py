"""Worker of ingest jobs: takes part after part, and adds their images to the index."""

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from threading import Event
from typing import Final
from uuid import uuid4

import structlog

from indexer.embedding_space import bound_space, load_bound_encoder
from indexer.errors import UnavailableError
from indexer.ingest.bank_ids import find_or_create_bank
from indexer.ingest.ingest_report import IngestReport
from indexer.ingest.ingest_run import Ingest, IngestOptions
from indexer.ingest.job_parts import open_part
from indexer.ingest.part_lease import LeaseLost, PartLease
from indexer.model import Encoder
from indexer.settings import Settings
from indexer.store import Store
from indexer.types import ClaimedPart, Space

log = structlog.get_logger(__name__)

_LOOK_UP: Final = 1.0  # seconds between two looks for a part


@dataclass(slots=True)
class WorkReport:
    """What a worker did."""

    parts: int = 0
    """Parts that it finished."""
    given_back: int = 0
    """Parts that it gave back when it was stopped."""
    failed: int = 0
    """Attempts that ended with an error."""
    lost: int = 0
    """Parts that another worker took, because the lease had expired."""
    added: int = 0
    """Images that the index did not hold before."""
    duplicates: int = 0
    """New sources of images that the index held already."""
    unchanged: int = 0
    """Sources that were indexed before."""
    skipped: int = 0
    """Files that could not be indexed."""

    def count(self, report: IngestReport) -> None:
        """Add what one run did."""
        self.added += report.added
        self.duplicates += report.duplicates
        self.unchanged += report.unchanged
        self.skipped += report.skipped_count


class Worker:
    """Takes parts of ingest jobs, one at a time, and indexes them as `Ingest` does.

    A part is a worker's while its lease lasts. Every batch renews the lease in the transaction that
    writes it, so that nothing is written for a part that another worker has taken meanwhile; the
    last batch marks the part as done. A worker that dies leaves its part to be taken again when the
    lease expires; images that it has committed are then known and skipped.

    Parameters
    ----------
    store : Store
    settings : Settings
    job : str, optional
        Work on this job alone; by default on all.
    on_progress : callable
        Called with the part at hand and the running report of it after each batch.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        job: str | None = None,
        on_progress: Callable[[ClaimedPart, IngestReport], None] = lambda _part, _report: None,
    ) -> None:
        self._store = store
        self._settings = settings
        self._job = job
        self._on_progress = on_progress
        self._loaded: tuple[Encoder, Space] | None = None
        self.name: Final = f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:8]}"
        """Unlike that of any other worker."""
        self.report: Final = WorkReport()

    def run(self, stop: Event, *, once: bool = False, wait: bool = False) -> WorkReport:
        """Work until every part is done or in quarantine.

        While others have the last parts it stands by, for their leases may expire.

        Parameters
        ----------
        stop : Event
            Once it is set, images under way are finished and committed, and the rest of the part is
            given back.
        once : bool
            End after one part, or at once if there is none to take.
        wait : bool
            Wait for further jobs at the end.

        Raises
        ------
        NotFoundError
            There is no such job.
        UnavailableError
            The database cannot be used.
        """
        while not stop.is_set():
            part = self._take()
            if part is not None:
                self._work(part, stop)
            elif not wait and not self._count_open():
                break
            if once:
                break
            if part is None:
                stop.wait(_LOOK_UP)
        return self.report

    def _count_open(self) -> int:
        with self._store.reader() as catalog:
            return catalog.ingest_jobs.count_open(self._job)

    def _take(self) -> ClaimedPart | None:
        if not self._count_open():
            return None
        self._load()  # first: it may take longer than a lease
        lease = timedelta(seconds=self._settings.part_lease)
        with self._store.leasing_parts() as leases:
            return leases.take(self.name, lease, self._job)

    def _load(self) -> tuple[Encoder, Space]:
        """Return the model of the index: another one, once the index was brought over to it."""
        if self._loaded is None or bound_space(self._store).id != self._loaded[1].id:
            self._loaded = load_bound_encoder(self._store, self._settings)
        return self._loaded

    def _work(self, part: ClaimedPart, stop: Event) -> None:
        log.info("part taken", job=part.job, part=part.number, images=part.images)
        lease = PartLease(part, self.name, self._settings.part_lease)
        try:
            report = self._ingest(part, lease, stop)
        except LeaseLost:
            self.report.lost += 1
            log.warning("lease of a part lost", job=part.job, part=part.number)
        except (UnavailableError, KeyboardInterrupt):
            self._give_back(part)
            raise
        except Exception as error:  # noqa: BLE001 -- whatever it is, other parts go on
            self._fail(part, error)
        else:
            self.report.count(report)
            if report.interrupted:
                self._give_back(part)
            else:
                self.report.parts += 1

    def _ingest(self, part: ClaimedPart, lease: PartLease, stop: Event) -> IngestReport:
        wanted, settings = part.options, self._settings
        if wanted.frames is not None:
            settings = settings.model_copy(update={"frames": wanted.frames})
        asked = {"keep_thumbnails": wanted.thumbnails, "keep_features": wanted.features}
        settings = settings.model_copy(update={name: True for name, on in asked.items() if on})
        bank = find_or_create_bank(self._store, wanted.bank)[0] if wanted.bank else None
        encoder, space = self._load()
        return Ingest(self._store, encoder, space, settings).run(
            open_part(part, settings),
            IngestOptions(wanted.tiles, wanted.thumbnails, wanted.features),
            bank_id=bank.id if bank else None,
            on_progress=lambda report: self._on_progress(part, report),
            stop=stop,
            lease=lease,
        )

    def _give_back(self, part: ClaimedPart) -> None:
        """End the lease early; where the database is away, it expires."""
        try:
            with self._store.leasing_parts() as leases:
                self.report.given_back += leases.give_back(part.id, self.name)
        except UnavailableError as error:
            log.warning("part not given back", job=part.job, part=part.number, reason=str(error))

    def _fail(self, part: ClaimedPart, error: Exception) -> None:
        self.report.failed += 1
        reason = str(error) or type(error).__name__
        log.error("part failed", job=part.job, part=part.number, reason=reason, exc_info=error)
        with self._store.leasing_parts() as leases:
            leases.fail(part.id, self.name, reason)
