"""Shadow query job: asks live queries again exactly while the server is idle."""

from collections.abc import Callable
from typing import Self

from indexer.matching.shadow_queries import ShadowQueries
from search_api.jobs.periodic import PeriodicTask

_INTERVAL = 0.5  # seconds


class ShadowQueryJob(PeriodicTask):
    """Asks shadow queries one at a time, and stops as soon as a request waits.

    Parameters
    ----------
    queries : ShadowQueries
    is_idle : callable
        Whether the server processes no request on a picture.
    """

    def __init__(self, queries: ShadowQueries, is_idle: Callable[[], bool]) -> None:
        self._queries = queries
        self._is_idle = is_idle
        super().__init__(
            self._ask, name="shadow-queries", interval=_INTERVAL, doing="asking shadow queries"
        )

    def __enter__(self) -> Self:
        self._queries.begin()
        return super().__enter__()

    def _ask(self) -> None:
        while self._is_idle() and not self.is_stopping and self._queries.ask_next():
            pass
