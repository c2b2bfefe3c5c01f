import json
import re
from dataclasses import fields
from typing import Any

import pytest
from fastapi.routing import APIRoute
from pydantic import TypeAdapter

import indexer
from indexer.types import ImageSummary, Match, Suppression, Verdict
from search_api.errors import PROBLEM
from search_api.pagination import Page
from search_api.routes import V1, audit, health, keys, webhooks
from search_api.schemas import Problem
from support.openapi import DOCUMENT, OPERATIONS, assert_imperative

EACH_OPERATION = pytest.mark.parametrize(("name", "operation"), OPERATIONS.items(), ids=OPERATIONS)


def route_of(name: str) -> APIRoute:
    return next(
        route
        for module in (*V1, keys, webhooks, audit, health)
        for route in module.router.routes
        if isinstance(route, APIRoute)
        and name in {f"{method} {route.path}" for method in route.methods}
    )


@pytest.mark.parametrize(
    ("name", "operation"),
    [
        (name, OPERATIONS[name])
        for name in OPERATIONS
        if not name.endswith((".html", ".bin", "/preview", "/picture"))
    ],
)
def test_the_example_of_each_route_is_an_answer_that_it_could_give(
    name: str, operation: dict[str, Any]
) -> None:
    route = route_of(name)
    status = route.status_code or 200
    example = route.responses[status]["content"]["application/json"]["example"]
    answer = TypeAdapter(route.response_model)

    parsed = answer.validate_json(json.dumps(example), strict=True)

    assert answer.dump_python(parsed, mode="json") == example  # nothing missing, nothing unknown
    assert operation["responses"][str(int(status))]["content"]["application/json"]["example"]


@EACH_OPERATION
def test_each_route_says_what_it_is_for(name: str, operation: dict[str, Any]) -> None:
    assert_imperative(operation["summary"])
    assert operation["description"].endswith(".")
    assert operation["tags"], name
    for parameter in operation.get("parameters", []):
        assert parameter["description"]


@EACH_OPERATION
def test_each_route_tells_its_problems(name: str, operation: dict[str, Any]) -> None:
    answers = operation["responses"].items()
    failures = {code: answer for code, answer in answers if code.startswith(("4", "5"))}

    assert name == "GET /healthz" or "503" in failures
    for response in failures.values():
        assert response["description"]
        assert set(response["content"]) == {PROBLEM}
        assert response["content"][PROBLEM]["schema"] == Problem.model_json_schema()


@EACH_OPERATION
def test_each_route_but_health_asks_for_a_scope(name: str, operation: dict[str, Any]) -> None:
    assert bool(route_of(name).dependencies) != (operation["tags"] == ["health"])


@EACH_OPERATION
def test_a_list_is_a_page(name: str, operation: dict[str, Any]) -> None:
    queries = {p["name"] for p in operation.get("parameters", []) if p["in"] == "query"}
    answer = route_of(name).response_model

    assert "array" not in TypeAdapter(answer).json_schema().get("type", ""), name
    if "cursor" in queries:
        assert "limit" in queries
        assert issubclass(answer, Page)


def test_each_operation_has_a_name_of_its_own_that_code_can_have() -> None:
    names = [operation["operationId"] for operation in OPERATIONS.values()]

    assert len(names) == len({*names})
    assert all(re.fullmatch("[a-z]+(_[a-z]+){0,3}", name) for name in names), names


def test_no_route_promises_another_kind_of_error() -> None:
    assert "HTTPValidationError" not in DOCUMENT["components"]["schemas"]


@pytest.mark.parametrize(
    "cls", [Verdict, Match, Suppression, ImageSummary], ids=lambda cls: cls.__name__
)
def test_the_fields_of_an_answer_are_described(cls: type[Any]) -> None:
    properties = DOCUMENT["components"]["schemas"][cls.__name__]["properties"]

    assert list(properties) == [field.name for field in fields(cls)]
    assert [name for name, schema in properties.items() if not schema.get("description")] == []


def test_a_field_is_described_by_the_string_below_it() -> None:
    properties = DOCUMENT["components"]["schemas"]["Match"]["properties"]

    assert properties["similarity"]["description"] == (
        "Cosine similarity of the embeddings, -1 to 1, higher is closer; null for a fingerprint."
    )


@pytest.mark.parametrize("path", ["/v1/search", "/v1/classify"])
def test_a_picture_is_sent_as_a_form(path: str) -> None:
    body = DOCUMENT["paths"][path]["post"]["requestBody"]

    properties = body["content"]["multipart/form-data"]["schema"]["properties"]
    assert body["required"]
    assert [schema["format"] for schema in properties.values()] == ["binary"]


def test_the_document_is_of_this_version() -> None:
    assert DOCUMENT["info"]["version"] == indexer.__version__
