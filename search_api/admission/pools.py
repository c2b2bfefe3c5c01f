"""Thread pools: the kinds of work that the server admits, and their sizes."""

from dataclasses import dataclass
from typing import Self

from search_api.admission.waiting_room import Admission
from search_api.settings import ServeSettings

_READING, _WRITING = 4, 2  # threads; they wait for the database most of the time
_REPORTS_WAITING = 4  # each takes the memory of its run
_MAX_WAITING = 256  # requests without a picture, which are small


@dataclass(frozen=True, slots=True)
class Pools:
    """One kind of work never waits behind another."""

    pictures: Admission
    reads: Admission
    writes: Admission
    reports: Admission

    @classmethod
    def of(cls, serve: ServeSettings) -> Self:
        """Make those of one worker."""
        timeout = serve.queue_timeout
        return cls(
            Admission(
                threads=serve.threads or serve.cores,
                max_waiting=serve.max_waiting,
                max_bytes=serve.max_waiting_bytes,
                timeout=timeout,
            ),
            Admission(threads=_READING, max_waiting=_MAX_WAITING, timeout=timeout),
            Admission(threads=_WRITING, max_waiting=_MAX_WAITING, timeout=timeout),
            Admission(threads=1, max_waiting=_REPORTS_WAITING, timeout=timeout),
        )
