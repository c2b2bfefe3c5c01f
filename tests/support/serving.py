"""The application within the test's process, over a store and no model: what is asked first."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import httpx
from fastapi import FastAPI

from indexer.matching import Matcher
from indexer.settings import Settings
from indexer.store import Store
from search_api.app import create_app
from search_api.settings import ServeSettings


def app_over(store: Store, **settings: Any) -> FastAPI:
    """Return the application with these settings of the server."""
    return create_app(store, cast("Matcher", None), Settings(), ServeSettings(**settings))


@asynccontextmanager
async def client_of(
    app: FastAPI, peer: str = "127.0.0.1", host: str = "127.0.0.1:8000"
) -> AsyncIterator[httpx.AsyncClient]:
    """Give a client that asks from an address."""
    transport = httpx.ASGITransport(app, client=(peer, 4711), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=f"http://{host}") as client:
        yield client
