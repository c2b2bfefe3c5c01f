"""Refuses request bodies that are too large, before and while they are read."""

from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from search_api.errors import problem


class _TooLarge(Exception):
    """The body passed the limit."""


class BodyLimit:
    """ASGI middleware: answers 413 to bodies of more than `max_bytes`."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, counting what it sends."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > self._max_bytes:
            await self._refuse(scope, receive, send)
            return
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._max_bytes:
                raise _TooLarge
            return message

        try:
            await self._app(scope, counted, send)
        except _TooLarge:
            await self._refuse(scope, receive, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        detail = f"The request has more than {self._max_bytes} bytes, the most this server takes."
        response = problem("request_too_large", HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail)
        await response(scope, receive, send)
