"""Warm-up of model and views with a made-up picture."""

from importlib import import_module
from io import BytesIO

import numpy as np
import structlog
from fastapi import FastAPI
from PIL import Image, ImageOps
from starlette.types import Message

from indexer.errors import InputError
from indexer.matching import Matcher, Query

log = structlog.get_logger(__name__)
_SIDE = 512  # pixels


def warm_up(matcher: Matcher) -> None:
    """Judge one picture: libraries load, and memory is taken, at their first use.

    What that one does not use is loaded as well: no other thread runs while a library loads.
    """
    import_module("indexer.verification.geometry")
    import_module("indexer.verification.local_features")
    Image.init()
    noise = np.random.default_rng(0).integers(0, 256, (_SIDE // 16, _SIDE // 16, 3), np.uint8)
    buffer = BytesIO()
    framed = ImageOps.expand(Image.fromarray(noise).resize((_SIDE, _SIDE)), _SIDE // 8)
    framed.save(buffer, "JPEG")  # its border makes a crop, and so a pass for embeddings alone
    try:
        matcher.answer(Query.picture(buffer.getvalue(), "warm-up"))
    except InputError as error:  # the settings may refuse it, and the model may: callers are told
        log.warning("warm-up image rejected", reason=str(error))


async def warm_up_routes(app: FastAPI) -> None:
    """Ask for a missing route: FastAPI makes its table of routes at the first request."""

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(_message: Message) -> None:
        pass

    scope = {"type": "http", "method": "GET", "path": "/-", "headers": [], "query_string": b""}
    await app.router(scope, receive, send)
