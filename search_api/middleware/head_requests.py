"""HEAD requests, answered as GET without the body."""

from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_ASKED: Final = "lookalike.method"


class HeadAsGet:
    """ASGI middleware, around all that answers: what is within sees a GET, on every route."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and of the answer its head."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def without_body(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        # a copy: the connection is to know that no body comes
        await self._app({**scope, "method": "GET", _ASKED: "HEAD"}, receive, without_body)


def method_asked(scope: Scope) -> str:
    """Return the method that the client sent."""
    asked: str = scope.get(_ASKED, scope["method"])
    return asked
