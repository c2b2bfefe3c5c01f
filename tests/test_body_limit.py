"""Bodies that are no picture are small, and what is wrong with them is told in few words."""

import asyncio
import json
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import cast

import httpx
import pytest

from indexer.store import Store
from search_api.middleware.body_limit import MOST_TEXT
from support.serving import app_over, client_of


def post(path: str, body: bytes, *, in_chunks: bool = False) -> httpx.Response:
    async def chunks() -> AsyncIterator[bytes]:
        yield body[: MOST_TEXT // 2]
        yield body[MOST_TEXT // 2 :]

    async def ask() -> httpx.Response:
        app = app_over(cast("Store", None))
        app.state.service = None  # none of these requests comes so far
        async with client_of(app) as client:
            headers = {"Content-Type": "application/json"}
            content = chunks() if in_chunks else body
            return await client.post(path, content=content, headers=headers)

    return asyncio.run(ask())


@pytest.mark.parametrize("in_chunks", [False, True], ids=["announced", "in chunks"])
def test_json_of_the_size_of_a_picture_is_refused(in_chunks: bool) -> None:
    body = json.dumps({"vector": [0] * MOST_TEXT, "model": ""}).encode()

    response = post("/v1/search/vector", body, in_chunks=in_chunks)

    assert response.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    assert response.json()["title"] == "request_too_large"
    assert f"{MOST_TEXT} bytes" in response.json()["detail"]


def test_a_refusal_does_not_tell_each_of_a_thousand_mistakes() -> None:
    body = json.dumps({f"unknown{number}": 1 for number in range(1000)}).encode()

    response = post("/v1/search/fingerprint", body)

    assert response.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    detail = response.json()["detail"]
    assert "body.kind: Field required" in detail
    assert detail.endswith("; and 992 more")


def test_a_mistake_in_a_long_name_is_told_in_short() -> None:
    response = post("/v1/search/fingerprint", json.dumps({"x" * 1_000_000: 1}).encode())

    assert response.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert len(response.content) < 10_000
