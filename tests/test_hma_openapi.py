"""HMA's routes are described as they answer."""

import json
from typing import Any

import pytest
from fastapi.routing import APIRoute
from pydantic import TypeAdapter

from search_api.routes import hma
from search_api.routes.hma.messages import Message
from support.openapi import HMA_OPERATIONS, assert_imperative

EACH_OPERATION = pytest.mark.parametrize(
    ("name", "operation"), HMA_OPERATIONS.items(), ids=HMA_OPERATIONS
)
STATUS = {"GET /status", "GET /status/live"}


def route_of(name: str) -> APIRoute:
    return next(
        route
        for router in hma.ROUTERS
        for route in router.routes
        if isinstance(route, APIRoute)
        and name in {f"{method} {route.path_format}" for method in route.methods}
    )


@EACH_OPERATION
def test_the_example_of_each_route_is_an_answer_that_it_could_give(
    name: str, operation: dict[str, Any]
) -> None:
    route = route_of(name)
    (answered, *_) = (each for code, each in route.responses.items() if str(code) < "3")
    assert answered["description"] == next(iter(operation["responses"].values()))["description"]
    ((_, content),) = answered["content"].items()
    if route.response_model is None:
        return
    answer = TypeAdapter(route.response_model)

    parsed = answer.validate_json(json.dumps(content["example"]), strict=True)

    unset = route.response_model_exclude_unset
    assert answer.dump_python(parsed, mode="json", exclude_unset=unset) == content["example"]


@EACH_OPERATION
def test_each_route_says_what_it_is_for(name: str, operation: dict[str, Any]) -> None:
    assert_imperative(operation["summary"])
    assert operation["description"].endswith("."), name
    for parameter in operation.get("parameters", []):
        assert parameter["description"]


@EACH_OPERATION
def test_what_goes_wrong_is_a_message(name: str, operation: dict[str, Any]) -> None:
    failures = {code: each for code, each in operation["responses"].items() if code > "3"}

    assert name in STATUS or {"4XX", "503"} <= failures.keys()
    for response in failures.values():
        (content,) = response["content"].values()
        if name not in STATUS:
            assert content["schema"] == Message.model_json_schema()


@EACH_OPERATION
def test_each_route_but_the_status_asks_for_a_scope(name: str, operation: dict[str, Any]) -> None:
    assert bool(route_of(name).dependencies) != (name in STATUS), operation
