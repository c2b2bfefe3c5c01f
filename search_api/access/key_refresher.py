"""Key refresher: reloads known API keys, and records when they were used."""

from time import monotonic

from indexer.keys import KeyCache
from search_api.jobs.periodic import PeriodicTask

_REFRESHED_EVERY = 1.0  # seconds
_WRITTEN_EVERY = 60.0  # seconds


class KeyRefresher(PeriodicTask):
    """Works for the key cache in a thread of its own, so that no request waits for the database.

    A process that is killed loses what it knew of uses since the last writing.
    """

    def __init__(self, key_cache: KeyCache) -> None:
        self._key_cache = key_cache
        self._written_at = monotonic()
        super().__init__(
            self._keep,
            name="key-refresher",
            interval=_REFRESHED_EVERY,
            doing="looking after keys",
            at_end=True,
        )

    def _keep(self) -> None:
        self._key_cache.refresh()
        if self.is_stopping or monotonic() - self._written_at >= _WRITTEN_EVERY:
            self._written_at = monotonic()
            self._key_cache.write_use()
