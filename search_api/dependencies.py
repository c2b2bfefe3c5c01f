"""What the routes share: the matcher, and a bounded pool for work that blocks."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, ParamSpec, TypeVar

import anyio
from fastapi import Depends, Query, Request

from indexer.matching import Matcher
from indexer.settings import Settings
from indexer.store import Catalog, Store
from search_api.access import Access
from search_api.fetching import Fetcher
from search_api.hits import HitWriter
from search_api.scans import ScanRunner
from search_api.views import LogFollower

P = ParamSpec("P")
ResultT = TypeVar("ResultT")


@dataclass(frozen=True, slots=True)
class Service:
    """What a running server holds."""

    store: Store
    matcher: Matcher
    follower: LogFollower
    hits: HitWriter
    scans: ScanRunner
    settings: Settings
    fetcher: Fetcher
    access: Access
    # decoding and the forward pass are bound by the processor: more threads only add waiting
    limiter: anyio.CapacityLimiter = field(
        default_factory=lambda: anyio.CapacityLimiter(os.cpu_count() or 1)
    )

    async def run(
        self, function: Callable[P, ResultT], *args: P.args, **kwargs: P.kwargs
    ) -> ResultT:
        """Call a blocking function in the bounded pool."""
        return await anyio.to_thread.run_sync(
            lambda: function(*args, **kwargs), limiter=self.limiter
        )

    async def read(self, function: Callable[[Catalog], ResultT]) -> ResultT:
        """Call a function with the catalog, in one transaction, in the bounded pool."""

        def within_transaction() -> ResultT:
            with self.store.reader() as catalog:
                return function(catalog)

        return await self.run(within_transaction)


def get_service(request: Request) -> Service:
    """Return what the application holds."""
    service: Service = request.app.state.service
    return service


ServiceDependency = Annotated[Service, Depends(get_service)]
TopK = Annotated[int, Query(ge=1, le=1000, description="Most matches returned.")]
BankNames = Annotated[
    list[str] | None,
    Query(alias="bank", description="Only entries of these banks; may be repeated."),
]
