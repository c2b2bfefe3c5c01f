"""The application within the test's process, over a store and no model: what is asked first."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from typing import Any, cast
from unittest.mock import patch

import httpx
from fastapi import FastAPI

from indexer.matching import Matcher
from indexer.settings import Settings
from indexer.store import Store
from search_api.app import create_app
from search_api.settings import ServeSettings


def app_over(store: Store, **settings: Any) -> FastAPI:
    """Return the application with these settings of the server.

    All have the routes and the document of one: these keep nothing of an application, and FastAPI
    takes a second to make them.
    """
    return app_like(store, cast("Matcher", None), Settings(), ServeSettings(**settings))


def app_like(store: Store, matcher: Matcher, settings: Settings, serve: ServeSettings) -> FastAPI:
    """Make an application as `create_app` does, with the routes that this process has."""
    app = create_app(store, matcher, settings, serve)
    like = app_of_routes(metrics_open=serve.metrics_open)
    app.router.routes[:] = like.router.routes
    app.openapi_schema = like.openapi()
    return app


def share_routes() -> None:
    """Have servers of this process, and of those forked from it, take routes that are made now."""
    app_of_routes(metrics_open=False).openapi()
    patch("search_api.process.server.create_app", app_like).start()


@cache
def app_of_routes(*, metrics_open: bool) -> FastAPI:
    """Return an application over nothing: it has routes, and none can be asked."""
    serve = ServeSettings(metrics_open=metrics_open)
    return create_app(cast("Store", None), cast("Matcher", None), Settings(), serve)


@asynccontextmanager
async def client_of(
    app: FastAPI, peer: str = "127.0.0.1", host: str = "127.0.0.1:8000"
) -> AsyncIterator[httpx.AsyncClient]:
    """Give a client that asks from an address."""
    transport = httpx.ASGITransport(app, client=(peer, 4711), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=f"http://{host}") as client:
        yield client
