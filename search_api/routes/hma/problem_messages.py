"""Middleware that turns problem documents into HMA's messages on HMA's routes."""

import json
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from search_api.errors import PROBLEM, unexpected
from search_api.routes.hma.messages import AS_HMA_SAYS
from search_api.telemetry.request_log import route_of

_PATHS: Final = ("/h/", "/m/", "/c/", "/site-map")


class HmaErrors:
    """ASGI middleware: on HMA's routes an error is `{"message": ...}`.

    So it is of access, admission and limits, too, which know nothing of HMA.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and hold back the beginning of a problem until it is all there."""
        if scope["type"] != "http" or not scope["path"].startswith(_PATHS):
            await self._app(scope, receive, send)
            return
        start: Message | None = None
        body = b""
        begun = False

        async def translated(message: Message) -> None:
            nonlocal start, body, begun
            begun = True
            if message["type"] == "http.response.start" and _is_problem(message):
                start = message
            elif start is None:
                await send(message)
            else:
                body += message.get("body", b"")
                if not message.get("more_body", False):
                    await _send_message(start, body, send)

        try:
            await self._app(scope, receive, translated)
        except Exception as error:
            if begun:  # half an answer is out, or held back: let the connection break
                raise
            await unexpected(route_of(scope), error)(scope, receive, translated)


def _is_problem(start: Message) -> bool:
    return MutableHeaders(raw=start["headers"]).get("content-type") == PROBLEM


async def _send_message(start: Message, problem: bytes, send: Send) -> None:
    body = json.dumps({"message": json.loads(problem)["detail"]}).encode()
    headers = MutableHeaders(raw=list(start["headers"]))
    headers["content-type"] = "application/json"
    headers["content-length"] = str(len(body))
    status = AS_HMA_SAYS.get(start["status"], start["status"])
    await send({**start, "status": int(status), "headers": headers.raw})
    await send({"type": "http.response.body", "body": body})
