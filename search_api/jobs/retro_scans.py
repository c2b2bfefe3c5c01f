"""Background retro-scans, one at a time."""

from threading import Event, Lock, Thread
from typing import Self

import structlog

from indexer.errors import LookalikeError, UnavailableError
from indexer.retroscan import RetroScanner
from indexer.runtime.actor import Actor, acting_as
from indexer.types import RetroScan, ScanState

log = structlog.get_logger(__name__)


class RetroScanJob:
    """Takes one retro-scan to its end in a thread; how far it is stands in the database.

    A scan that the server's end cuts off goes on when it is asked for again.
    """

    def __init__(self, scanner: RetroScanner) -> None:
        self._scanner = scanner
        self._stopping = Event()
        self._starting = Lock()
        self._thread: Thread | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        """Stop, once the step under way is written."""
        with self._starting:
            self._stopping.set()
            if self._thread:
                self._thread.join()

    def start(self, bank: str | None, since: int | None) -> RetroScan:
        """Begin a scan, or go on with the one that was cut off; return it as it is at that moment.

        Raises
        ------
        UnavailableError
            This server is running a scan, or shutting down.
        NotFoundError, InputError
            As for `RetroScanner.begin`.
        """
        with self._starting:
            if self._stopping.is_set() or (self._thread and self._thread.is_alive()):
                raise UnavailableError(
                    "This server is already running a retro-scan, one at a time. Try again "
                    "when it is done: GET /v1/retro-scans/{id} shows its progress."
                )
            scan = self._scanner.begin(bank, since)
            if scan.state is ScanState.RUNNING:
                self._thread = Thread(target=self._run, args=(scan,), name="retro-scan")
                self._thread.start()
        return scan

    def _run(self, scan: RetroScan) -> None:
        try:
            with acting_as(Actor("system", "retro-scan")):
                self._scanner.run(scan, stop=self._stopping)
        except LookalikeError as error:
            log.warning("retro-scan interrupted", scan=scan.id, reason=str(error))
        except Exception:
            log.exception("retro-scan failed", scan=scan.id)
