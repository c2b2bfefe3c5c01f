"""What the client makes of busy servers, broken connections and answers that are none."""

import json
from collections.abc import Callable

import httpx
import pytest

from indexer.types import Scope
from search_api.client import ApiError, Busy, Lookalike, NotFound
from search_api.transport import Transport

Handler = Callable[[httpx.Request], httpx.Response]


def problem(status: int, code: str, **headers: str) -> httpx.Response:
    body = {
        "type": f"urn:lookalike:{code}",
        "title": code,
        "status": status,
        "detail": "d",
        "request_id": "r",
    }
    return httpx.Response(status, headers=headers, json=body)


def client_of(handler: Handler, attempts: int = 4) -> Lookalike:
    api = Lookalike("http://test")
    api.close()
    mocked = httpx.Client(base_url="http://test", transport=httpx.MockTransport(handler))
    api._transport = Transport(mocked, attempts)  # noqa: SLF001 -- what the server would be
    return api


def test_a_busy_server_is_asked_again_with_the_same_key() -> None:
    keys: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        keys.append(request.headers["idempotency-key"])
        if len(keys) < 3:
            return problem(503, "overloaded", **{"Retry-After": "0"})
        return httpx.Response(200, json={"bank": "b", "entries": 3})

    assert client_of(handler).remove_bank("b").entries == 3
    assert len(keys) == 3
    assert len(set(keys)) == 1


def test_a_lost_connection_is_tried_again_and_then_given_up() -> None:
    asked: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        raise httpx.ConnectError("refused")

    with pytest.raises(httpx.ConnectError):
        client_of(handler, attempts=2).status()
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("first", "times"),
    [
        (problem(503, "overloaded", **{"Retry-After": "0"}), 2),
        (problem(503, "database_unavailable", **{"Retry-After": "0"}), 1),
        (httpx.ConnectError("refused"), 2),
        (httpx.ReadError("reset"), 1),
    ],
    ids=["turned away", "perhaps committed", "not reached", "answer lost"],
)
def test_what_makes_a_secret_is_sent_again_only_if_it_surely_made_none(
    first: httpx.Response | Exception, times: int
) -> None:
    asked: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        if isinstance(first, Exception):
            raise first
        return first

    with pytest.raises((Busy, httpx.TransportError)):
        client_of(handler, attempts=2).create_key("uploads", [Scope.CHECK])
    assert asked == ["/v1/keys"] * times


def test_what_is_wrong_with_a_request_is_not_tried_again() -> None:
    asked: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.raw_path.decode())
        return problem(404, "not_found")

    with pytest.raises(NotFound) as refusal:
        client_of(handler).bank("a/b?c")

    assert asked == ["/v1/banks/a%2Fb%3Fc"]
    assert (refusal.value.code, refusal.value.status, refusal.value.detail) == (
        "not_found",
        404,
        "d",
    )


def test_a_server_that_stays_busy_is_told_apart() -> None:
    with pytest.raises(Busy) as refusal:
        client_of(lambda _: problem(429, "rate_limited", **{"Retry-After": "0"})).status()

    assert refusal.value.retry_after == 0


def test_an_answer_of_a_proxy_is_an_error_too() -> None:
    with pytest.raises(ApiError, match="502 unknown: <html>"):
        client_of(lambda _: httpx.Response(502, text="<html>")).status()


def test_pages_are_asked_for_one_after_another() -> None:
    asked: list[dict[str, str]] = []

    def handler(request: httpx.Request) -> httpx.Response:
        asked.append(dict(request.url.params))
        more = len(asked) < 3
        return httpx.Response(
            200, content=json.dumps({"items": [], "next_cursor": "7" if more else None})
        )

    assert list(client_of(handler).banks(limit=5)) == []
    assert asked == [{"limit": "5"}, *[{"limit": "5", "cursor": "7"}] * 2]
