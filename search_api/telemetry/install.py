"""Installation of telemetry: metrics always, traces if configured."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

import structlog
from fastapi import FastAPI

from indexer.errors import SettingsError
from indexer.runtime.timing import listening
from search_api.settings import ServeSettings
from search_api.telemetry.metrics import Metrics
from search_api.telemetry.request_log import RequestLog

if TYPE_CHECKING:
    from search_api.telemetry.tracing import Tracing  # loads OpenTelemetry, an extra

log = structlog.get_logger(__name__)
_STANDARD = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_REMEDY = "pip install 'lookalike[otel]'"


class Telemetry:
    """What is measured and traced while the server runs.

    Raises
    ------
    SettingsError
        LOOKALIKE_SERVE_OTLP_ENDPOINT is set, and OpenTelemetry is not installed.
    """

    def __init__(self, serve: ServeSettings) -> None:
        self.metrics = Metrics()
        self._tracing = _open_tracing(serve.otlp_endpoint)

    def install(self, app: FastAPI) -> None:
        """Wrap the application; nothing that is to be seen may be wrapped around it afterwards."""
        app.state.metrics = self.metrics
        if self._tracing:
            from search_api.telemetry.tracing import RequestTrace

            app.add_middleware(RequestTrace, tracer=self._tracing.tracer)
        app.add_middleware(RequestLog, metrics=self.metrics)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Listen to the stages within the block, then send what is left."""
        traced = [self._tracing.trace_stage] if self._tracing else []
        try:
            with listening(self.metrics.time_stage, *traced):
                yield
        finally:
            if self._tracing:
                self._tracing.close()


def _open_tracing(endpoint: str | None) -> "Tracing | None":
    if not endpoint and not any(map(os.environ.get, _STANDARD)):
        return None
    if not _is_installed():
        if endpoint:
            raise SettingsError(
                "LOOKALIKE_SERVE_OTLP_ENDPOINT is set, and traces are sent with OpenTelemetry, "
                f"which is not installed. {_REMEDY}, or unset it."
            )
        log.warning("OTEL_* set but tracing disabled", remedy=_REMEDY)
        return None
    from search_api.telemetry.tracing import Tracing

    return Tracing(endpoint)


def _is_installed() -> bool:
    try:
        return find_spec("opentelemetry.exporter.otlp.proto.http") is not None
    except ModuleNotFoundError:  # of a parent
        return False
