"""Route dependencies: the running service, and bounded threads for blocking work."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, ParamSpec, TypeVar

from fastapi import Depends, Query, Request

from indexer.matching import Matcher
from indexer.policy import VerdictHistory
from indexer.reviews.rules import ReviewRules, Signatory
from indexer.settings import Settings
from indexer.signals import Contents, Signals
from indexer.store import Catalog, Store
from indexer.types import Person
from search_api.access import Access
from search_api.admission.pools import Pools
from search_api.idempotency import once
from search_api.jobs.cluster_runs import ClusterRunJob
from search_api.jobs.hit_counter import HitCounter
from search_api.jobs.log_follower import LogFollower
from search_api.jobs.lookup_audit import LookupAudit
from search_api.jobs.retro_scans import RetroScanJob
from search_api.outbound.fetch import Fetcher
from search_api.webhooks.registration import Receivers

P = ParamSpec("P")
ResultT = TypeVar("ResultT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What a running server holds."""

    store: Store
    matcher: Matcher
    follower: LogFollower
    hits: HitCounter
    verdicts: VerdictHistory
    scans: RetroScanJob
    settings: Settings
    fetcher: Fetcher
    access: Access
    pools: Pools
    lookups: LookupAudit
    receivers: Receivers
    signals: Signals
    contents: Contents
    cluster_runs: ClusterRunJob
    reviews: ReviewRules
    review_uploads: bool
    """Whether uploads that the policy sends to review become review items."""
    reveal_seconds: float
    """How long a revealed picture can be seen."""

    def signatory(self, person: Person) -> Signatory:
        """Return who decides, with the rules for it."""
        return Signatory(person, self.reviews)

    async def run(
        self, function: Callable[P, ResultT], *args: P.args, **kwargs: P.kwargs
    ) -> ResultT:
        """Call what keeps a core busy, such as judging a picture, when it is its turn."""

        def call() -> ResultT:
            with self.matcher.cores.caller():
                return function(*args, **kwargs)

        return await self.pools.pictures.run(call)

    async def read(self, function: Callable[[Catalog], ResultT]) -> ResultT:
        """Call a function with the catalog, in one transaction; it waits behind no picture."""

        def within_transaction() -> ResultT:
            with self.store.reader() as catalog:
                return function(catalog)

        return await self.pools.reads.run(within_transaction)

    async def write(
        self, function: Callable[P, ResultT], *args: P.args, **kwargs: P.kwargs
    ) -> ResultT:
        """Call what changes the database, and may wait for its lock; no other work waits for it."""
        return await self.pools.writes.run(lambda: function(*args, **kwargs))

    async def commit(self, function: Callable[[Store], ResultT]) -> ResultT:
        """Call a function with a store that is one transaction, and remember the answer in it."""
        return await self.write(once, self.store, function)


async def get_service(request: Request) -> Service:
    """Return what the application holds."""
    service: Service = request.app.state.service
    return service


ServiceDependency = Annotated[Service, Depends(get_service)]
TopK = Annotated[int, Query(ge=1, le=1000, description="Maximum number of matches.")]
BankNames = Annotated[
    list[str] | None,
    Query(alias="bank", description="Only entries of these banks; may be repeated."),
]
