"""Hearing a query: views nominate, the catalog testifies, bounds and decisions are looked up."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime

from indexer.matching.bank_membership import BankMembership
from indexer.matching.candidates import Case, chosen, nominated, own_excuse
from indexer.matching.comparison import Query
from indexer.matching.nomination import Scope, nominate, reach_of
from indexer.matching.suppression import Rejections
from indexer.settings import Settings
from indexer.store import Catalog
from indexer.thresholds import ThresholdBook, choose_thresholds
from indexer.types import Bounds, ImageRecord, Space
from indexer.vector_views import Views


class Hearing:
    """Gathers all that is needed to judge a query; safe to use from several threads."""

    def __init__(self, views: Views, space: Space, settings: Settings, bounds: Bounds) -> None:
        self._views = views
        self._space = space
        self._settings = settings
        self._bounds = bounds
        self._membership = BankMembership()

    def search(  # noqa: PLR0913 -- one for each option
        self,
        catalog: Catalog,
        query: Query,
        k: int,
        banks: Sequence[str] = (),
        *,
        threshold: float | None = None,
        reach: int | None = None,
        created_after: datetime | None = None,
    ) -> Case:
        """Search the views.

        Parameters
        ----------
        catalog : Catalog
        query : Query
        k : int
            Nearest by each signal, for each piece of the query.
        banks : sequence of str
            Their entries alone; all banks and the gallery when empty.
        threshold : float, optional
            Cosine similarity that the request wants for the lookalike tier.
        reach : int, optional
            Bits up to which PDQ nominates; as far as it matters to a verdict by default.
        created_after : datetime, optional
            Only what was added after this moment.

        Raises
        ------
        InputError
            `threshold` is not a cosine similarity.
        NotFoundError
            There is no such bank.
        """
        thresholds = self.thresholds(catalog, threshold)
        scope = Scope(
            k=k,
            banks=tuple(banks),
            reach=reach_of(thresholds) if reach is None else reach,
            at=datetime.now(UTC),
            created_after=created_after,
        )
        nominees = nominate(catalog, self._views, self._membership, query, scope)
        return Case(
            candidates=nominated(catalog, self._space.id, nominees, scope),
            thresholds=thresholds,
            rejections=Rejections.of(catalog.decisions.for_query(query.sha256)),
        )

    def of_entries(
        self, catalog: Catalog, record: ImageRecord, query: Query, entries: Collection[int]
    ) -> Case:
        """Look up some entries, without a search; `record` is the stored image that asks."""
        candidates = chosen(catalog, self._space.id, entries, datetime.now(UTC))
        return Case(
            candidates=[*candidates, *own_excuse(record)],
            thresholds=self.thresholds(catalog),
            rejections=Rejections.of(catalog.decisions.for_query(query.sha256)),
        )

    def thresholds(self, catalog: Catalog, threshold: float | None = None) -> ThresholdBook:
        """Return the bounds that hold now; `threshold` is a cosine that the request wants."""
        return choose_thresholds(
            self._settings,
            catalog.cards.bounds(self._space.id),
            space_id=self._space.id,
            requested=threshold,
            suggested=self._bounds,
        )
