"""Recall guard: approximate searches of the gallery, used while they find what they must."""

from collections.abc import Callable, Mapping
from time import monotonic
from typing import Final

import numpy as np
import structlog

from indexer.engines.engine_view import EngineView
from indexer.errors import EngineUnavailable, UnavailableError
from indexer.types import EXACT, UNSEARCHED, Completeness, CompletenessKind, Vectors
from indexer.vector_views import Views
from indexer.vectors import Hits, KeySet, LogView
from indexer.vectors.canaries import PLANTED, Canaries

_AGAIN: Final = 10.0  # seconds after which a view that missed canaries is tried again

log = structlog.get_logger(__name__)

Observer = Callable[[LogView, Vectors], None]
"""Is given what was searched approximately: the view, and the queries of shape (n, d)."""


class RecallGuard:
    """Searches views, and withdraws an approximate search that no longer finds its canaries.

    Such a view is searched exactly until a later check finds all of them. Of a vector engine, which
    has no exact search, the answer says instead that its recall is unknown. Safe to use from
    several threads; one of them checks.

    Parameters
    ----------
    views : Views
    """

    def __init__(self, views: Views) -> None:
        self.views = views
        self.observe: Observer | None = None
        self._canaries = {view: Canaries(view.feed) for view in (views.embeddings, views.pdqs)}
        self._missed: Mapping[LogView, int] = {}
        self._seen: dict[LogView, tuple[int, Completeness, int]] = {}
        self._again_at = 0.0

    @property
    def missed(self) -> dict[str, int]:
        """How many canaries each view of the gallery missed when it was checked last."""
        return {label_of(view): self._missed.get(view, 0) for view in self._canaries}

    @property
    def warnings(self) -> list[str]:
        """A sentence for each view that missed canaries."""
        return [
            f"The view {view.name} does not find {missed} of {PLANTED} planted vectors, and is "
            "searched exactly until it does. Run `lookalike verify --recall 1000`."
            if _can_be_exact(view)
            else f"The vector engine of the view {view.name} does not find {missed} of {PLANTED} "
            "planted vectors. Run `lookalike verify`, then `lookalike repair`."
            for view, missed in self._missed.items()
        ]

    def check(self) -> None:
        """Look for the canaries of each approximate view that has changed since the last check."""
        for view, canaries in self._canaries.items():
            completeness = view.index.completeness
            state = view.watermark, completeness, id(view.index)
            if completeness.is_proven:
                missed = 0
            elif state == self._seen.get(view) and not (
                view in self._missed and monotonic() >= self._again_at
            ):
                continue
            else:
                try:
                    missed = canaries.count_missed(view.index)
                except UnavailableError:
                    continue  # of an engine, which says so itself
            self._seen[view] = state
            self._note(view, missed)

    def search(
        self,
        view: LogView,
        queries: Vectors,
        k: int,
        within: KeySet | None = None,
        *,
        exact: bool = False,
    ) -> tuple[Hits, Completeness]:
        """Find the k nearest keys of each query, and say how complete that is.

        The index may change its structure meanwhile; the less complete of both is said. While a
        vector engine is down, nothing of the gallery is found, and the answer says so.
        """
        index = view.index
        if exact or (view in self._missed and _can_be_exact(view)):
            return index.search(queries, k, within, exact=True), EXACT
        before = index.completeness
        try:
            hits = index.search(queries, k, within)
        except EngineUnavailable:
            return Hits(np.full((len(queries), k), -1, np.int64)), UNSEARCHED
        completeness = Completeness.least(before, index.completeness)
        if view in self._missed:
            completeness = Completeness(CompletenessKind.UNMEASURED)
        if self.observe and not completeness.is_proven and _can_be_exact(view):
            self.observe(view, queries)
        return hits, completeness

    def _note(self, view: LogView, missed: int) -> None:
        before = self._missed.get(view, 0)
        others = {each: count for each, count in self._missed.items() if each is not view}
        self._missed = {**others, view: missed} if missed else others
        if missed:
            self._again_at = monotonic() + _AGAIN
        if missed and not before:
            log.warning("canaries missed, searching exactly", view=view.name, missed=missed)
        elif before and not missed:
            log.info("canaries found again", view=view.name)


def _can_be_exact(view: LogView) -> bool:
    """Return whether each query may be compared with all vectors: not where these are elsewhere."""
    return not isinstance(view, EngineView)


def label_of(view: LogView) -> str:
    """Return what a view is called in metrics: `embedding` or `pdq`."""
    return view.name.partition("-")[0]
