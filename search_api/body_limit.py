"""Refuses request bodies that are too large, before and while they are read."""

from contextlib import suppress
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from search_api.errors import problem

MOST_TEXT = 4 * 2**20
"""Bytes of a body that is no form with files: what reads JSON holds it many times over."""


class _TooLarge(Exception):
    """The body passed the limit."""


class BodyLimit:
    """ASGI middleware: answers 413 to forms of more than `max_bytes`, and to other large bodies."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, counting what it sends."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        is_form = headers.get("content-type", "").lower().startswith("multipart/form-data")
        most = self._max_bytes if is_form else min(self._max_bytes, MOST_TEXT)
        declared = headers.get("content-length", "0")
        if declared.isdigit() and int(declared) > most:
            await _refuse(most, scope, receive, send)
            return
        received, begun = 0, False

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > most:
                raise _TooLarge
            return message

        async def unless_too_large(message: Message) -> None:
            nonlocal begun
            if begun or received <= most:  # what reads JSON calls it broken when it cannot go on
                begun = True
                await send(message)

        with suppress(_TooLarge):
            await self._app(scope, counted, unless_too_large)
        if received > most and not begun:
            await _refuse(most, scope, receive, send)


async def _refuse(most: int, scope: Scope, receive: Receive, send: Send) -> None:
    detail = f"The request has more than {most} bytes, the most this server takes of its kind."
    response = problem("request_too_large", HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail)
    await response(scope, receive, send)
