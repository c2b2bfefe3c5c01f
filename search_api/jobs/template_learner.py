"""Template learning: frames that new images share, found while the server runs."""

from typing import Final

import structlog

from indexer.matching import Matcher
from indexer.runtime.actor import Actor, acting_as
from indexer.store import Store
from indexer.template_discovery import TemplateLearner
from search_api.jobs.periodic import PeriodicTask

log = structlog.get_logger(__name__)
_INTERVAL: Final = 5.0  # seconds
_AT_ONCE: Final = 64  # changes of the log: about a second of one core


class TemplateLearnerJob(PeriodicTask):
    """Looks at a few changes of the log every few seconds; of all servers one at a time does."""

    def __init__(self, store: Store, matcher: Matcher) -> None:
        self._matcher = matcher
        self._store = store
        self._lag = 0
        super().__init__(
            self._learn,
            name="template-learning",
            interval=_INTERVAL,
            doing="learning templates",
            at_start=True,
        )

    @property
    def lag(self) -> int:
        """Changes of the log that have not been looked at, as of the last time."""
        return self._lag

    def _learn(self) -> None:
        view = self._matcher.views.embeddings
        learner = TemplateLearner(self._store, self._matcher.space, view)
        with acting_as(Actor("system", "template-learning")):
            report = learner.learn_new(_AT_ONCE)
        with self._store.reader() as catalog:
            self._lag = max(0, view.watermark - catalog.templates.watermark())
        if report.joined:
            log.info(
                "templates learned",
                images=report.images,
                templates=report.templates,
                joined=report.joined,
            )
