import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from search_api.errors import install_error_handlers
from search_api.request_context import new_request, request_id
from search_api.routes.hma.problem_messages import HmaErrors
from search_api.telemetry.metrics import Metrics
from search_api.telemetry.request_log import RequestLog
from support.commands import PHOTOS, Index


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    index = Index(tmp_path_factory.mktemp("home"), extra={"LOOKALIKE_LOG_FORMAT": "json"})
    index.run_here("init")
    return index


@pytest.fixture(scope="module")
def talk(index: Index) -> tuple[dict[str, httpx.Response], list[dict[str, Any]], str]:
    """Send a few requests to a server of its own; return answers, log lines and the raw log."""
    answers = {}
    data = (PHOTOS / "bee.jpg").read_bytes()
    log: list[str] = []
    with index.serve(log=log.append) as client:
        answers["made"] = client.post(
            "/v1/search?k=7", files={"image": ("jane-doe-passport.jpg", data)}
        )
        answers["taken"] = client.get(
            "/v1/images/4711", headers={"X-Request-ID": "upload-17:a_b.c"}
        )
        answers["refused"] = client.get("/nowhere/jane", headers={"X-Request-ID": 'a"\\x1b[31m'})
        answers["hma"] = client.get("/h/hash", params={"url": "http://example.org/jane.jpg"})
        answers["long"] = client.get("/healthz", headers={"X-Request-ID": "a" * 129})
    text = "".join(log)
    return answers, [json.loads(line) for line in text.splitlines()], text


Talk = tuple[dict[str, httpx.Response], list[dict[str, Any]], str]


def test_every_line_is_a_json_object(talk: Talk) -> None:
    _, lines, _ = talk

    assert {"event", "level", "logger", "timestamp"} <= set.intersection(*map(set, lines))
    assert {"uvicorn.error", "search_api.telemetry.request_log"} <= {
        line["logger"] for line in lines
    }


def test_a_request_leaves_one_line(talk: Talk) -> None:
    answers, lines, _ = talk
    answer = answers["made"]

    (line,) = [each for each in lines if each.get("request_id") == answer.headers["x-request-id"]]
    assert line["event"] == "request"
    assert (line["method"], line["route"], line["status"]) == ("POST", "/v1/search", 200)
    assert line["bytes_in"] > (PHOTOS / "bee.jpg").stat().st_size
    assert line["bytes_out"] == len(answer.content)
    assert line["ms"] > 0


def test_the_status_of_a_line_is_the_one_that_was_answered(talk: Talk) -> None:
    answers, lines, _ = talk
    answer = answers["hma"]  # whose status is HMA's, where our other routes answer 422

    (line,) = [each for each in lines if each.get("request_id") == answer.headers["x-request-id"]]
    assert answer.json().keys() == {"message"}
    assert (line["route"], line["status"], answer.status_code) == ("/h/hash", 400, 400)
    assert line["bytes_out"] == len(answer.content)
    assert line["problem"] == "fetch_disabled"


def test_the_log_holds_neither_paths_nor_parameters_nor_file_names(talk: Talk) -> None:
    _, _, text = talk

    for secret in ("jane", "4711", "k=7", "nowhere"):
        assert secret not in text


def test_an_id_of_the_caller_is_taken_over(talk: Talk) -> None:
    answers, lines, _ = talk
    answer = answers["taken"]

    assert answer.headers["x-request-id"] == "upload-17:a_b.c"
    assert answer.json()["request_id"] == "upload-17:a_b.c"
    (line,) = [each for each in lines if each.get("request_id") == "upload-17:a_b.c"]
    assert (line["status"], line["problem"]) == (404, "not_found")


@pytest.mark.parametrize("name", ["made", "refused", "long"])
def test_an_id_that_could_do_harm_is_replaced(talk: Talk, name: str) -> None:
    answers, _, _ = talk

    assert re.fullmatch("[0-9a-f]{32}", answers[name].headers["x-request-id"])


def test_probes_are_not_logged_at_info(talk: Talk) -> None:
    _, lines, _ = talk

    assert "/healthz" not in {line.get("route") for line in lines}


def test_ids_are_known_within_a_request_only() -> None:
    with new_request("one") as outer:
        assert request_id() == outer.id == "one"
        with new_request("with space"):
            assert request_id() not in {"one", "with space"}
        assert request_id() == "one"
    assert request_id() is None


@contextmanager
def small_app(metrics: Metrics) -> Iterator[TestClient]:
    app = FastAPI()
    install_error_handlers(app)
    app.add_middleware(HmaErrors)
    app.add_middleware(RequestLog, metrics=metrics)

    @app.get("/h/broken/{number}")
    @app.get("/broken/{number}")
    def broken(number: int) -> int:
        return number // 0

    with TestClient(app) as client:
        yield client


def test_what_nobody_foresaw_is_a_problem_with_an_id(capfd: pytest.CaptureFixture[str]) -> None:
    metrics = Metrics()
    with small_app(metrics) as client:
        answer = client.get("/broken/1", headers={"X-Request-ID": "mine"})

    assert answer.status_code == 500
    assert answer.headers["x-request-id"] == "mine"
    assert (answer.json()["title"], answer.json()["request_id"]) == ("internal_error", "mine")
    shown = metrics.exposition().decode()
    assert 'lookalike_http_problems_total{code="internal_error"} 1.0' in shown
    assert 'route="/broken/{number}",status="500"} 1.0' in shown
    assert "lookalike_http_requests_in_progress 0.0" in shown
    capfd.readouterr()


def test_what_nobody_foresaw_on_a_route_of_hma_is_a_message(
    capfd: pytest.CaptureFixture[str],
) -> None:
    metrics = Metrics()
    with small_app(metrics) as client:
        answer = client.get("/h/broken/1", headers={"X-Request-ID": "mine"})

    assert answer.status_code == 500
    assert answer.headers["x-request-id"] == "mine"
    assert answer.json().keys() == {"message"}
    shown = metrics.exposition().decode()
    assert 'route="/h/broken/{number}",status="500"} 1.0' in shown
    capfd.readouterr()


def test_what_nobody_caught_is_one_json_object_a_line() -> None:
    script = (
        "from threading import Thread; from indexer.runtime.log_setup import configure_logging;"
        "configure_logging('INFO', 'json');"
        "thread = Thread(target=lambda: 1 // 0); thread.start(); thread.join();"
        "raise ValueError('the end')"
    )

    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )

    first, second = (json.loads(line) for line in done.stderr.splitlines())
    assert done.returncode == 1
    assert (first["level"], second["level"]) == ("critical", "critical")
    assert "ZeroDivisionError" in first["exception"]
    assert "ValueError: the end" in second["exception"]


def test_what_is_said_at_the_start_is_a_json_object_too(index: Index) -> None:
    log: list[str] = []
    closed = {"LOOKALIKE_SERVE_ACCESS": "keys", "LOOKALIKE_LOG_FORMAT": "json"}

    with Index(index.home, extra=closed).serve(log=log.append):
        pass

    lines = [json.loads(line) for line in "".join(log).splitlines()]
    (told,) = [line for line in lines if "lookalike key create" in line["event"]]
    assert told["level"] == "warning"
