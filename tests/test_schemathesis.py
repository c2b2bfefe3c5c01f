"""Schemathesis over the whole OpenAPI document: what it makes up, a real server must stand."""

from collections import Counter
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from support import pictures, small
from support.commands import PHOTOS, Index
from support.extent import extent
from support.openapi import DOCUMENT

EXAMPLES = extent(1, 30)  # of each operation, for data that fits and as many that does not
CASES = extent(80, 2_000)  # at least, in all
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]

schemathesis.openapi.format(
    "binary", st.sampled_from([small.jpeg(), small.png(), small.gif(), pictures.text(), b""])
)
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT)
SCHEMA.config.generation.with_security_parameters = False  # wrong keys lock out who sends them
OPERATIONS = {found.ok().label: found.ok() for found in SCHEMA.get_all_operations()}
ASKED: Counter[str] = Counter()

REFUSED_UNREAD = b"Invalid HTTP request received."
"""What uvicorn says of a target of more than 64 KB, before the application sees it."""
WITH_TUPLES = {"POST /m/compare"}  # Schemathesis turns `prefixItems` into what it then refuses


def is_one_at_a_time(response: Any) -> bool:
    """Tell whether a scan or a clustering was asked for beside another: 503, and try again."""
    return (
        response.status_code == HTTPStatus.SERVICE_UNAVAILABLE
        and "retry-after" in response.headers
        and any(words in response.text for words in ("one at a time", "one run at a time"))
    )


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Iterator[httpx.Client]:
    quick = {
        "LOOKALIKE_MODEL": str(tiny_model),
        "LOOKALIKE_SERVE_REQUESTS_PER_SECOND": "100000",
        "LOOKALIKE_SERVE_MAX_WAITING": "1000",
    }
    index = Index(tmp_path_factory.mktemp("home"), extra=quick)
    index.run_here("init")
    index.run_here("index", "add", PHOTOS / "bee.jpg", PHOTOS / "crab.jpg")
    index.run_here("bank", "create", "unsafe")
    index.run_here("bank", "add", "unsafe", PHOTOS / "hedgehog.jpg")
    with index.serve() as client:
        yield client


@pytest.mark.slow
@pytest.mark.parametrize("mode", GenerationMode, ids=lambda mode: mode.value)
@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_no_request_is_more_than_the_server_can_answer(
    server: httpx.Client, operation: Any, mode: GenerationMode
) -> None:
    @given(operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def is_answered_as_documented(case: Any) -> None:
        response = case.call(base_url=str(server.base_url))
        ASKED[mode.value] += 1
        if response.content == REFUSED_UNREAD or is_one_at_a_time(response):
            return
        excluded = [response_schema_conformance] if operation.label in WITH_TUPLES else []
        case.validate_response(response, checks=CHECKS, excluded_checks=excluded)

    try:
        is_answered_as_documented()
    except Unsatisfiable:
        assert mode is GenerationMode.NEGATIVE  # nothing about this operation can be wrong


@pytest.mark.slow
def test_that_was_enough_and_the_server_is_as_well_as_before(server: httpx.Client) -> None:
    assert server.get("/healthz").json() == {"status": "alive"}
    assert server.get("/readyz").json()["status"] == "ready"
    assert sum(ASKED.values()) >= CASES, ASKED
