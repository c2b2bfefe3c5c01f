"""The application: one index, opened at start and followed until the end."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

import indexer
from indexer.matching import Matcher
from indexer.settings import Settings
from search_api.body_limit import BodyLimit
from search_api.dependencies import Service
from search_api.errors import install_error_handlers
from search_api.routes import health, images, search
from search_api.settings import ServeSettings
from search_api.views import LogFollower

DESCRIPTION = "Is this upload a copy or a lookalike of something that we know is unsafe?"


def create_app(matcher: Matcher, settings: Settings, serve: ServeSettings) -> FastAPI:
    """Return the application over an open index, which it follows while it runs."""
    follower = LogFollower(
        matcher, poll_interval=serve.poll_interval, stale_after=serve.stale_after
    )

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.service = Service(matcher, follower, settings)
        with follower:
            yield

    app = FastAPI(
        title="Lookalike",
        version=indexer.__version__,
        description=DESCRIPTION,
        lifespan=lifespan,
    )
    app.add_middleware(BodyLimit, max_bytes=serve.max_request_bytes)
    install_error_handlers(app)
    for module in (search, images, health):
        app.include_router(module.router)
    return app
