"""Normalisation of paths that begin with several slashes."""

from starlette.types import ASGIApp, Receive, Scope, Send


class LeadingSlashes:
    """ASGI middleware, the outermost: `//c/banks` is `/c/banks`, for whatever is within."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with one slash at the beginning of its path."""
        if scope["type"] == "http" and scope["path"].startswith("//"):
            scope = {**scope, "path": f"/{scope['path'].lstrip('/')}"}
            if raw := scope.get("raw_path"):
                scope["raw_path"] = b"/" + raw.lstrip(b"/")
        await self._app(scope, receive, send)
