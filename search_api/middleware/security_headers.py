"""Security headers of every answer: no framing, no sniffing, no third-party content."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_TRUSTED_TYPES = "; require-trusted-types-for 'script'; trusted-types lookalike"
DOCS_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
"""That of /docs: swagger-ui knows no Trusted Types. Its style sheet holds its icons itself, and the
console's answers the veiled pictures of uploads, which are kept nowhere."""
POLICY = DOCS_POLICY + _TRUSTED_TYPES
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # with no-referrer, our own forms would be of origin null
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}
_YEAR = 31_536_000  # seconds
_RAW = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
_SECURE = (b"strict-transport-security", f"max-age={_YEAR}".encode())


class SecurityHeaders:
    """ASGI middleware: adds the headers that an answer does not have already."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and the answer with its headers."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                caller = scope.get("state", {}).get("caller")
                ours = [*_RAW, _SECURE] if caller is not None and caller.secure else _RAW
                given = list(message.get("headers", ()))
                names = {name for name, _ in given}  # ASGI has them in lower case
                message["headers"] = given + [each for each in ours if each[0] not in names]
            await send(message)

        await self._app(scope, receive, with_headers)
