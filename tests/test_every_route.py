"""What holds on every route: HEAD, unknown parameters and fields, clients that say nothing."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from functools import partial
from http import HTTPStatus
from resource import RLIMIT_NOFILE, setrlimit
from time import monotonic

import httpx
import pytest

from support import small
from support.commands import Index
from support.openapi import DOCUMENT
from support.running import Running, running

UNDOCUMENTED = ("/console", "/console/login", "/docs", "/openapi.json", "/metrics")
STATIC = ("/static/base.css", "/docs/swagger-ui.css")
PATHS = [path.replace("{api}", "local_file") for path in DOCUMENT["paths"]]
ROUTES = [
    *(
        (method.upper(), path.replace("{api}", "local_file"))
        for path, operations in DOCUMENT["paths"].items()
        for method in operations
    ),
    *(("GET", path) for path in UNDOCUMENTED),
]
OPEN_FILES = 256
OWN = {"x-request-id", "date", "set-cookie"}  # of one answer alone
CHANGING = {"/metrics", "/readyz", "/status"}  # what they say changes by itself


def filled(path: str) -> str:
    """Put something in the place of a path's parameters."""
    return "".join(
        "1" if part.startswith("{") and "id" in part else "none" if part.startswith("{") else part
        for part in path.replace("{", "\0{").replace("}", "}\0").split("\0")
    )


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    index = Index(tmp_path_factory.mktemp("home"))
    index.run_here("init")
    few_files = partial(setrlimit, RLIMIT_NOFILE, (OPEN_FILES // 2, OPEN_FILES))
    with running(index, prepare=few_files) as server:
        yield server


@pytest.fixture(scope="module")
def client(server: Running) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=60) as client:
        yield client


# --- HEAD ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [*PATHS, *UNDOCUMENTED, *STATIC, "/no/such/route"])
def test_head_answers_as_get_without_the_body(client: httpx.Client, path: str) -> None:
    path = filled(path)

    got, head = client.get(path), client.head(path)

    assert head.status_code == got.status_code
    assert head.content == b""
    ignored = OWN | ({"content-length"} if path in CHANGING else set())
    assert {name: head.headers[name] for name in head.headers if name not in ignored} == {
        name: got.headers[name] for name in got.headers if name not in ignored
    }
    assert "content-length" in head.headers


def test_nothing_follows_the_head_of_an_answer_to_head(server: Running) -> None:
    url = httpx.URL(server.url)
    request = b"HEAD /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n"
    with socket.create_connection((url.host, url.port or 0), timeout=10) as connection:
        connection.sendall(request)
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))

    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\ncontent-length: 18\r\n" in answer
    assert answer.index(b"\r\n\r\n") + 4 == len(answer)


# --- query parameters ----------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "path"), ROUTES, ids=[" ".join(each) for each in ROUTES])
def test_no_route_passes_over_a_parameter_that_it_does_not_have(
    client: httpx.Client, method: str, path: str
) -> None:
    needs_body = {"json": {"none": "1"}} if method in {"POST", "PUT", "PATCH"} else {}

    response = client.request(method, filled(path), params={"treshold": "0.99"}, **needs_body)  # type: ignore[arg-type]

    of_hma = path.startswith(("/c/", "/h/", "/m/", "/site-map"))
    status = HTTPStatus.BAD_REQUEST if of_hma else HTTPStatus.UNPROCESSABLE_ENTITY
    detail = response.json()["message" if of_hma else "detail"]
    assert (response.status_code, "query.treshold" in detail) == (status, True), response.text


@pytest.mark.parametrize(
    ("target", "told"),
    [
        (
            "/v1/search?min_log_ods=9",
            "query.min_log_ods: No such parameter. Did you mean min_log_odds?",
        ),
        (
            "/v1/search?xyz=1",
            "There are tiles, review, k, bank, min_log_odds, tier, created_after.",
        ),
        ("/v1/search?k=1&bank=", "query.bank: It is empty"),
        ("/v1/search/batch?bnak=a", "Did you mean bank?"),
    ],
)
def test_a_search_says_what_was_meant(client: httpx.Client, target: str, told: str) -> None:
    response = client.post(target, files={"image": small.jpeg()})

    assert response.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert response.json()["title"] == "invalid_request"
    assert told in response.json()["detail"]


def test_hma_s_banks_that_are_none_do_not_stand_for_all(client: httpx.Client) -> None:
    response = client.get(
        "/m/raw_lookup", params={"signal": "0" * 64, "signal_type": "pdq", "banks": ""}
    )

    assert response.status_code == HTTPStatus.BAD_REQUEST
    assert "query.banks: It is empty" in response.json()["message"]


def test_an_empty_signal_is_no_mistake(client: httpx.Client) -> None:
    response = client.get("/m/lookup", params={"signal": "", "signal_type": "pdq"})

    assert "query.signal" not in response.text


# --- forms ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/v1/search", "/v1/classify/batch", "/h/hash", "/m/lookup"])
def test_no_form_has_a_field_that_is_passed_over(client: httpx.Client, path: str) -> None:
    response = client.post(path, files={"photo": small.jpeg()}, data={"threshold": "0.99"})

    assert response.status_code in {HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY}
    assert "unknown field 'threshold'" in response.text


def test_the_log_in_form_has_no_other_fields(client: httpx.Client) -> None:
    response = client.post("/console/login", data={"kay": "lk_1_2"})

    assert response.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "unknown field 'kay'" in response.text


# --- connections ---------------------------------------------------------------------------------

SLOW = (
    b"",
    b"GET /healthz HTT",
    b"POST /console/login HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 99\r\n\r\nkey=",
    b"POST /v1/search HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 190\r\n%b"
    % b"content-type: multipart/form-data; boundary=b\r\n\r\n--b\r\n",
)


def test_connections_that_say_nothing_keep_nobody_out(server: Running) -> None:
    url = httpx.URL(server.url)
    longest = 0.0
    with ExitStack() as held:
        for number in range(2 * OPEN_FILES):
            connection = held.enter_context(socket.create_connection((url.host, url.port or 0)))
            with suppress(ConnectionError):
                connection.sendall(SLOW[number % len(SLOW)])
            if number % 8 == 0:
                begun = monotonic()
                assert server.get("/healthz").json() == {"status": "alive"}
                longest = max(longest, monotonic() - begun)

    assert longest < 5  # the time itself is measured by benchmarks/slow_clients.py
