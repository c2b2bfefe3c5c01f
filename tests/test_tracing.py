import gzip
import os
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from time import monotonic
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from indexer.errors import SettingsError
from search_api.settings import ServeSettings
from search_api.telemetry.install import Telemetry
from search_api.telemetry.tracing import Tracing
from support.commands import PHOTOS, Index
from support.running import until

STAGES = {"decode", "hash", "cut", "prepare", "forward", "search", "catalog", "judge"}


class Collector(ThreadingHTTPServer):
    """Takes spans on a loopback port, as an OpenTelemetry collector does."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Receiver)
        self.spans: list[Span] = []
        self.senders: set[str] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Receiver(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        assert self.path == "/v1/traces"
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        for sender in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.server.senders.add(attributes(sender.resource)["service.name"])
            self.server.spans.extend(span for scope in sender.scope_spans for span in scope.spans)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        """Print nothing."""


def attributes(holder: Any) -> dict[str, Any]:
    return {
        each.key: getattr(each.value, each.value.WhichOneof("value")) for each in holder.attributes
    }


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Index:
    index = Index(tmp_path_factory.mktemp("home"))
    index.run_here("init")
    index.run_here("index", "add", PHOTOS / "bee.jpg")
    return index


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    collector = Collector()
    thread = Thread(target=collector.serve_forever)
    thread.start()
    try:
        yield collector
    finally:
        collector.shutdown()
        thread.join()
        collector.server_close()


@pytest.fixture(scope="module")
def traced(home: Index, collector: Collector) -> tuple[Collector, dict[str, httpx.Response]]:
    """Search within the trace of a caller, and ask for what is not there."""
    variables = {
        "LOOKALIKE_SERVE_OTLP_ENDPOINT": collector.url,
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_BSP_SCHEDULE_DELAY": "100",  # ms
        "FASTAPI_OTEL_AUTO_CONFIGURE": "true",  # its spans tell paths and parameters
    }
    index = Index(home.home, extra=variables)
    caller = {"traceparent": f"00-{'a1' * 16}-{'b2' * 8}-01", "X-Request-ID": "mine"}
    data = (PHOTOS / "crab.jpg").read_bytes()  # no copy, so that all stages are run
    with index.serve() as client:
        answers = {
            "search": client.post(
                "/v1/search?k=3", files={"image": ("jane.jpg", data)}, headers=caller
            ),
            "probe": client.get("/healthz"),
            "missing": client.get("/v1/images/471108154711"),
        }
        until(lambda: spans_of(collector, "GET /v1/images/{image_id}"))
    return collector, answers


Traced = tuple[Collector, dict[str, httpx.Response]]


def spans_of(collector: Collector, name: str) -> list[Span]:
    return [span for span in collector.spans if span.name == name]


def test_a_search_is_a_trace_with_its_stages(traced: Traced) -> None:
    collector, answers = traced
    (request,) = spans_of(collector, "POST /v1/search")
    stages = [span for span in collector.spans if span.parent_span_id == request.span_id]

    assert answers["search"].status_code == 200
    assert {span.name for span in stages} >= STAGES  # and `queue`, where it waited
    for span in stages:
        assert span.trace_id == request.trace_id
        assert request.start_time_unix_nano <= span.start_time_unix_nano
        assert span.end_time_unix_nano <= request.end_time_unix_nano + 10**9
    (forward, *_) = (span for span in stages if span.name == "forward")
    assert attributes(forward)["lookalike.size"] == 1


def test_a_span_belongs_to_the_trace_of_the_caller(traced: Traced) -> None:
    collector, _ = traced
    (request,) = spans_of(collector, "POST /v1/search")

    assert request.trace_id == bytes.fromhex("a1" * 16)
    assert request.parent_span_id == bytes.fromhex("b2" * 8)
    assert request.kind == Span.SPAN_KIND_SERVER
    assert attributes(request) == {
        "http.request.method": "POST",
        "http.route": "/v1/search",
        "http.response.status_code": 200,
        "lookalike.request_id": "mine",
    }


def test_what_a_caller_did_wrong_is_no_error_of_the_server(traced: Traced) -> None:
    collector, answers = traced
    (request,) = spans_of(collector, "GET /v1/images/{image_id}")

    assert attributes(request)["http.response.status_code"] == answers["missing"].status_code == 404
    assert request.status.code != Status.STATUS_CODE_ERROR


def test_traces_tell_neither_paths_nor_names_nor_probes(traced: Traced) -> None:
    collector, answers = traced

    assert collector.senders == {"lookalike"}
    assert answers["probe"].status_code == 200
    text = "".join(map(str, collector.spans))
    for secret in ("jane", "471108154711", "k=3", "healthz"):
        assert secret not in text


def test_nothing_that_sends_is_loaded_while_it_is_off() -> None:
    script = (
        "import sys; from search_api.app import create_app; from indexer.settings import Settings;"
        "from search_api.settings import ServeSettings;"
        "create_app(None, None, Settings(), ServeSettings());"
        "senders = ('opentelemetry.sdk', 'opentelemetry.exporter');"
        "print([name for name in sys.modules if name.startswith(senders)])"
    )
    clean = {name: value for name, value in os.environ.items() if "OTEL" not in name}

    done = subprocess.run(
        [sys.executable, "-c", script], env=clean, capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "[]"


def test_an_endpoint_without_the_extra_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("search_api.telemetry.install._is_installed", lambda: False)

    with pytest.raises(SettingsError, match=r"pip install 'lookalike\[otel\]'"):
        Telemetry(ServeSettings(otlp_endpoint="http://127.0.0.1:4318"))


def test_variables_that_others_set_do_not_stop_a_server_without_the_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("search_api.telemetry.install._is_installed", lambda: False)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")

    with Telemetry(ServeSettings()).running():
        pass


def test_a_stop_sends_what_is_left(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("search_api.telemetry.tracing._GRACE", 60.0)
    tracing = Tracing(collector.url)
    with tracing.tracer.start_as_current_span("last"):
        pass

    tracing.close()

    assert spans_of(collector, "last")


def test_a_collector_that_is_away_holds_a_stop_up_for_two_seconds() -> None:
    tracing = Tracing("http://127.0.0.1:9")  # nothing listens there
    with tracing.tracer.start_as_current_span("lost"):
        pass
    started = monotonic()

    tracing.close()

    assert monotonic() - started < 9.5  # the exporter would try for ten
