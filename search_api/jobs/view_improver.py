"""View improver: makes the inverted lists of large views in the background."""

from typing import Final

from indexer.matching import Matcher
from search_api.jobs.periodic import PeriodicTask

INTERVAL: Final = 60.0
"""Seconds between two looks at whether anything is due."""


class _Stopped(Exception):
    """The server is shutting down."""


class ViewImprover(PeriodicTask):
    """Improves a matcher's views from a thread of its own; stopping ends what is being made."""

    def __init__(self, matcher: Matcher) -> None:
        self._matcher = matcher
        super().__init__(
            self._improve, name="view-improver", interval=INTERVAL, doing="improving views"
        )

    def _improve(self) -> None:
        try:
            for view in self._matcher.views:
                view.improve(self._go_on)
        except _Stopped:
            return

    def _go_on(self) -> None:
        if self.is_stopping:
            raise _Stopped
