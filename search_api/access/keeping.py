"""Keeps what is known of the keys fresh, and writes down when they were used."""

from threading import Event, Thread
from time import monotonic
from typing import Self

import structlog

from indexer.errors import UnavailableError
from indexer.keys import KeyRing

log = structlog.get_logger(__name__)
_REFRESHED_EVERY = 1.0  # seconds
_WRITTEN_EVERY = 60.0  # seconds


class KeyKeeper:
    """Works for a key ring in a thread of its own, so that no request waits for the database.

    A process that is killed loses what it knew of uses since the last writing.
    """

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring
        self._stopping = Event()
        self._thread = Thread(target=self._keep, name="key-keeper", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        """Stop, once all uses are written."""
        self._stopping.set()
        self._thread.join()

    def _keep(self) -> None:
        written_at = monotonic()
        while not self._stopping.wait(_REFRESHED_EVERY):
            self._try(writing=False)
            if monotonic() - written_at >= _WRITTEN_EVERY:
                written_at = monotonic()
                self._try(writing=True)
        self._try(writing=True)

    def _try(self, *, writing: bool) -> None:
        try:
            if writing:
                self._ring.write_use()
            else:
                self._ring.refresh()
        except UnavailableError as error:
            log.warning("keys could not be looked after, trying again", reason=str(error))
        except Exception:  # keys would stop working within seconds
            log.exception("looking after keys failed, trying again")
