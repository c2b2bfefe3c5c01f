"""Traces of requests and their stages, sent by OTLP over HTTP."""

from http import HTTPStatus
from threading import Timer
from typing import Final

from opentelemetry import propagate, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, StatusCode, Tracer
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import indexer
from indexer.runtime.timing import Timing
from search_api.middleware.head_requests import method_asked
from search_api.request_context import request_id
from search_api.telemetry.request_log import ROUTINE, route_of

_GRACE: Final = 2.0  # seconds that a stop may wait for a collector that is away


class Tracing:
    """Makes spans and sends them from a thread of its own; a collector that is away loses them.

    Parameters
    ----------
    endpoint : str, optional
        Base URL of the collector, such as `http://collector:4318`; by default what OpenTelemetry's
        own variables say.
    """

    def __init__(self, endpoint: str | None) -> None:
        url = f"{endpoint.rstrip('/')}/v1/traces" if endpoint else None
        self._provider = TracerProvider(resource=_resource(), shutdown_on_exit=False)
        self._exporter = OTLPSpanExporter(endpoint=url)
        self._provider.add_span_processor(BatchSpanProcessor(self._exporter))
        self.tracer = self._provider.get_tracer("lookalike", indexer.__version__)

    def trace_stage(self, timing: Timing) -> None:
        """Add a timed stage to the trace of its request; listens to `indexer.runtime.timing`."""
        if not trace.get_current_span().is_recording():
            return
        size = {} if timing.size is None else {"lookalike.size": timing.size}
        span = self.tracer.start_span(timing.stage, start_time=timing.started, attributes=size)
        span.end(timing.ended)

    def close(self) -> None:
        """Send what is left, within two seconds."""
        giving_up = Timer(_GRACE, self._exporter.shutdown)
        giving_up.start()
        self._provider.shutdown()
        giving_up.cancel()


class RequestTrace:
    """ASGI middleware: a span for each request, within the caller's trace if it names one.

    Like the log, it tells neither paths nor parameters.
    """

    def __init__(self, app: ASGIApp, tracer: Tracer) -> None:
        self._app = app
        self._tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http" or scope["path"] in ROUTINE:
            await self._app(scope, receive, send)
            return
        status: int = HTTPStatus.INTERNAL_SERVER_ERROR  # unless an answer says otherwise

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        with self._tracer.start_as_current_span(
            method_asked(scope),
            context=propagate.extract(Headers(scope=scope)),
            kind=SpanKind.SERVER,
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                await self._app(scope, receive, noting)
            finally:
                route = route_of(scope)
                span.update_name(f"{method_asked(scope)} {route}")
                span.set_attribute("http.request.method", method_asked(scope))
                span.set_attribute("http.route", route)
                span.set_attribute("http.response.status_code", status)
                span.set_attribute("lookalike.request_id", request_id() or "")
                if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                    span.set_status(StatusCode.ERROR)


def _resource() -> Resource:
    """Return what the spans say of their sender; OpenTelemetry's own variables win."""
    ours = Resource({SERVICE_NAME: "lookalike", SERVICE_VERSION: indexer.__version__})
    told = Resource.create()
    named = not str(told.attributes[SERVICE_NAME]).startswith("unknown_service")
    return ours.merge(told) if named else told.merge(ours)
