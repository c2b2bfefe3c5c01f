"""What the client makes of busy servers, broken connections and answers that are none."""

import json
import socket
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from indexer.types import Scope
from search_api.client import ApiError, Busy, Lookalike, NotFound, Unreachable
from search_api.client.transport import Transport

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

    with pytest.raises(Unreachable):
        client_of(handler, attempts=2).status()
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("first", "times"),
    [
        (problem(503, "overloaded", **{"Retry-After": "0"}), 2),
        (problem(503, "database_unavailable", **{"Retry-After": "0"}), 1),
        (httpx.ConnectError("refused"), 2),
        (httpx.ConnectTimeout("late"), 2),
        (httpx.ReadError("reset"), 1),
        (httpx.ReadTimeout("late"), 1),
    ],
    ids=["turned away", "perhaps committed", "not reached", "not in time", "answer lost", "late"],
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

    with pytest.raises((Busy, Unreachable)):
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


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_connection_that_is_refused_names_the_server(scheme: str) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]  # bound, but nobody listens
        api = Lookalike(f"{scheme}://127.0.0.1:{port}", attempts=1)
        with api, pytest.raises(ApiError, match=f"127.0.0.1:{port} cannot be reached") as refusal:
            api.status()

    assert (refusal.value.code, refusal.value.status) == ("unreachable", 0)
    assert "lookalike serve" in refusal.value.detail


def test_an_answer_that_does_not_come_in_time_names_the_server() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        port = silent.getsockname()[1]
        api = Lookalike(f"http://127.0.0.1:{port}", timeout=0.05, attempts=1)
        with api, pytest.raises(Unreachable, match=f"127.0.0.1:{port} did not answer in time"):
            api.status()


def test_text_is_the_path_of_a_picture_and_never_its_bytes(tmp_path: Path) -> None:
    bodies: list[bytes] = []

    def handler(request: httpx.Request) -> httpx.Response:
        bodies.append(request.read())
        return problem(415, "unreadable_image")

    picture = tmp_path / "a picture.jpg"
    picture.write_bytes(b"\xff\xd8 bytes")
    api = client_of(handler)
    for given in (str(picture), picture, b"\xff\xd8 bytes"):
        with pytest.raises(ApiError):
            api.search(given)
        with pytest.raises(ApiError):
            api.classify_many([("name.jpg", given)])

    assert all(b"\xff\xd8 bytes" in body for body in bodies)
    assert b'filename="a picture.jpg"' in bodies[0]
    assert len(bodies) == 6
    with pytest.raises(FileNotFoundError):
        api.embed("no such file.jpg")
    with pytest.raises(TypeError, match="not int"):
        api.upload_entry("bank", 7)  # type: ignore[arg-type]
    assert len(bodies) == 6


def test_an_address_without_a_scheme_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="http://host:port"):
        Lookalike("localhost:8000")
