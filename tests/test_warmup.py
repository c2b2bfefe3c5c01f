"""The first request of a server waits for nothing that could be ready."""

import asyncio
import sys
from types import FrameType

from indexer.settings import Settings
from indexer.store import Store
from search_api.app import create_app
from search_api.process.warmup import warm_up_routes
from search_api.settings import ServeSettings
from support.serving import client_of


def test_the_first_request_calls_no_more_than_the_next(store: Store) -> None:
    app = create_app(store, None, Settings(), ServeSettings())  # type: ignore[arg-type]

    async def count() -> list[int]:
        await warm_up_routes(app)
        counts = [0]

        def note(_frame: FrameType, event: str, _argument: object) -> None:
            counts[-1] += event == "call"

        async with client_of(app) as client:
            for _ in range(3):
                counts.append(0)
                sys.setprofile(note)
                try:
                    response = await client.get("/healthz")
                finally:
                    sys.setprofile(None)
                assert response.status_code == 200
        return counts[1:]

    first, *_, last = asyncio.run(count())
    assert first < 10 * last
