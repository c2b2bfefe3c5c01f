"""Request log: an id, a log line and metrics for every request."""

from http import HTTPStatus
from time import perf_counter

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from search_api.errors import for_reader, unexpected
from search_api.middleware.head_requests import method_asked
from search_api.request_context import RequestContext, new_request
from search_api.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

HEADER = "X-Request-ID"
UNMATCHED = "unmatched"  # stands for every path that is no route
_GONE = 499  # what nginx calls a client that did not wait for the answer
_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
ROUTINE = {"/healthz", "/readyz", "/metrics", "/status/live"}  # asked all the time, by machines


def route_of(scope: Scope) -> str:
    """Return the template of the route that answered, such as `/v1/images/{image_id}`."""
    mounted = scope.get("root_path", "").removeprefix(scope.get("app_root_path", ""))
    files = f"{mounted}/{{path}}" if mounted else UNMATCHED
    return getattr(scope.get("route"), "path", None) or files


class RequestLog:
    """ASGI middleware: what fails unforeseen within becomes a problem document.

    A line says neither paths nor parameters nor file names, which may be personal.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and note what became of it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(receive, send)
        self._metrics.running.inc()
        with new_request(Headers(scope=scope).get(HEADER)) as facts:
            exchange.request_id = facts.id
            with structlog.contextvars.bound_contextvars(request_id=facts.id):
                try:
                    await self._answer(scope, exchange)
                finally:
                    self._metrics.running.dec()
                    self._note(scope, exchange, facts)

    async def _answer(self, scope: Scope, exchange: "_Exchange") -> None:
        try:
            await self._app(scope, exchange.receive, exchange.send)
        except Exception as error:
            if exchange.status is not None:  # half an answer is out: let the connection break
                raise
            response = for_reader(scope, unexpected(route_of(scope), error))
            await response(scope, exchange.receive, exchange.send)

    def _note(self, scope: Scope, exchange: "_Exchange", facts: RequestContext) -> None:
        seconds = perf_counter() - exchange.started
        route, status = route_of(scope), exchange.status or _GONE
        asked = method_asked(scope)
        method = asked if asked in _METHODS else "other"
        self._metrics.requests.labels(method, route, str(status)).observe(seconds)
        if facts.problem:
            self._metrics.problems.labels(facts.problem).inc()
        routine = route in ROUTINE and status < HTTPStatus.INTERNAL_SERVER_ERROR
        (log.debug if routine else log.info)(
            "request",
            method=method,
            route=route,
            status=status,
            ms=round(1000 * seconds, 1),
            key=facts.key,
            problem=facts.problem,
            bytes_in=exchange.bytes_in,
            bytes_out=exchange.bytes_out,
        )


class _Exchange:
    """Counts what goes in and out."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self.request_id = ""
        self.started = perf_counter()
        self.status: int | None = None
        self.bytes_in = 0
        self.bytes_out = 0

    async def receive(self) -> Message:
        message = await self._receive()
        self.bytes_in += len(message.get("body", b""))
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            MutableHeaders(scope=message)[HEADER] = self.request_id
        self.bytes_out += len(message.get("body", b""))
        await self._send(message)
