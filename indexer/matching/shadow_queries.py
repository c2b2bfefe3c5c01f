"""Shadow queries: a share of the live queries, asked again exactly when there is time."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Final

import numpy as np

from indexer.matching.matcher import Matcher
from indexer.matching.recall_guard import label_of
from indexer.store import Store
from indexer.thresholds import gallery_bound
from indexer.types import Vectors
from indexer.vectors import LogView
from indexer.vectors.recall import RecallSample, measure_recall

_WAITING: Final = 32  # most queries in memory: 64 KB of 512 floats
_WINDOW: Final = 1000  # queries over which recall is told


@dataclass(frozen=True, slots=True)
class ShadowResult:
    """What came of one shadow query."""

    view: str
    """embedding or pdq."""
    outcome: str
    """complete or missed; dropped: the queue was full; changed: the view did meanwhile."""
    missed_above_threshold: int = 0
    """Images at the lookalike bound or closer, by this signal alone, that were not found."""
    recall: float | None = None
    """Of the last queries together, if this one was compared."""


class ShadowQueries:
    """Measures the recall of a matcher's approximate searches on its own live queries.

    Only vectors are kept, in memory: of each query that is drawn its first one, that of the whole
    picture. Both answers are asked for again, one after the other, so that a change between the
    live answer and the exact one is not taken for a miss.

    Parameters
    ----------
    store : Store
    matcher : Matcher
    share : float
        Share of the live queries that is drawn, 0 to 1.
    tell : callable
        Is given what came of each.
    random : Random, optional
    """

    def __init__(
        self,
        store: Store,
        matcher: Matcher,
        share: float,
        tell: Callable[[ShadowResult], None],
        random: Random | None = None,
    ) -> None:
        self._store = store
        self._matcher = matcher
        self._share = share
        self._tell = tell
        self._random = random or Random()  # noqa: S311 -- which queries are drawn is no secret
        self._waiting: deque[tuple[LogView, Vectors]] = deque()
        self._windows: dict[str, deque[RecallSample]] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def begin(self) -> None:
        """Draw from the live queries from now on."""
        if self._share:
            self._matcher.recall_guard.observe = self.observe

    def observe(self, view: LogView, queries: Vectors) -> None:
        """Draw a query, or not; it is dropped if the queue is full."""
        if self._random.random() >= self._share:
            return
        if len(self._waiting) >= _WAITING:
            self._tell(ShadowResult(label_of(view), "dropped"))
            return
        self._waiting.append((view, np.array(queries[:1])))

    def ask_next(self) -> bool:
        """Ask the query that has waited longest; return whether there was one."""
        try:
            view, queries = self._waiting.popleft()
        except IndexError:
            return False
        index, watermark = view.index, view.watermark
        sample = measure_recall(
            index.search,
            partial(index.search, exact=True),
            queries,
            bound=self._bound(view),
        )
        name = label_of(view)
        if view.watermark != watermark or view.index is not index:
            self._tell(ShadowResult(name, "changed"))
            return True
        window = self._windows.setdefault(name, deque(maxlen=_WINDOW))
        window.append(sample)
        self._tell(
            ShadowResult(
                name,
                "complete" if sample.found == sample.nearest else "missed",
                sample.missed_above,
                sum(window, RecallSample()).recall,
            )
        )
        return True

    def _bound(self, view: LogView) -> float:
        """Return how close an image must be to be a lookalike by a view's signal alone."""
        with self._store.reader() as catalog:
            thresholds = self._matcher.thresholds(catalog)
        return gallery_bound(thresholds, view.index.metric, len(view.index))
