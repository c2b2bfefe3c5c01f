"""Log follower: applies what other processes commit, within a second."""

from time import monotonic

from indexer.errors import DatabaseReplaced, SpaceReplaced, ViewNotReady
from indexer.matching import Matcher
from search_api.jobs.periodic import PeriodicTask


class LogFollower(PeriodicTask):
    """Keeps a matcher's views caught up from a thread of its own."""

    def __init__(self, matcher: Matcher, *, poll_interval: float, stale_after: float) -> None:
        self._matcher = matcher
        self._stale_after = stale_after
        self._fresh_at = monotonic()
        self._retired = False
        self._replaced: DatabaseReplaced | SpaceReplaced | None = None
        super().__init__(
            self._look, name="log-follower", interval=poll_interval, doing="following the log"
        )

    @property
    def age(self) -> float:
        """Seconds since the log was last read with success."""
        return monotonic() - self._fresh_at

    def retire(self) -> None:
        """Be ready no more: the server is shutting down."""
        self._retired = True

    def check(self) -> int:
        """Return the watermark.

        Raises
        ------
        DatabaseReplaced
            The database is another one than when the server opened it.
        SpaceReplaced
            The embeddings that the server searches were dropped.
        ViewNotReady
            The log could not be read for longer than `stale_after` seconds, or the server is
            shutting down.
        """
        if self._retired:
            raise ViewNotReady("The server is shutting down. Use another one.")
        if self._replaced:
            raise self._replaced.with_traceback(None)
        age = self.age
        if age > self._stale_after:
            raise ViewNotReady(
                f"The log was last read {age:.0f} s ago, so answers may miss newer data. "
                "Check that the database is up."
            )
        return self._matcher.views.watermark

    def _look(self) -> None:
        try:
            self._matcher.catch_up()
        except (DatabaseReplaced, SpaceReplaced) as error:
            self._replaced = error
            raise
        self._fresh_at = monotonic()
