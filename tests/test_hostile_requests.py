"""Whatever is sent, the answer is typed, in time and within memory, and the server goes on."""

import json
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from indexer import errors
from search_api.errors import status_for
from support import small
from support.bad_corpus import ACCEPTED, COSTLY, SPECIMENS, specimen
from support.commands import Index
from support.extent import extent
from support.running import running

LONGEST = 5.0  # seconds of the processor for any one request
MOST_GROWTH = 64 * 2**20 + 16 * 89_478_485  # bytes of memory: the largest picture that is allowed
BY_CODE = {
    cls.code: cls for cls in vars(errors).values() if isinstance(cls, type) and hasattr(cls, "code")
}
JSON = {"content-type": "application/json"}


@dataclass(frozen=True)
class Server:
    """A server whose processes can be weighed."""

    client: httpx.Client
    process: psutil.Process

    @property
    def processes(self) -> list[psutil.Process]:
        return [self.process, *self.process.children(recursive=True)]

    @property
    def seconds(self) -> float:
        return sum(sum(each.cpu_times()[:2]) for each in self.processes)

    @property
    def memory(self) -> int:
        return sum(each.memory_info().rss for each in self.processes)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Iterator[Server]:
    rules = {
        "LOOKALIKE_MODEL": str(tiny_model),
        "LOOKALIKE_SERVE_BODY_TIMEOUT": "1",
        "LOOKALIKE_SERVE_REQUESTS_PER_SECOND": "100000",
    }
    index = Index(tmp_path_factory.mktemp("home"), extra=rules)
    index.run_here("init")
    with running(index) as started, httpx.Client(base_url=started.url, timeout=60) as client:
        yield Server(client, psutil.Process(started.pid))


@pytest.fixture(autouse=True)
def still_answers(server: Server) -> Iterator[None]:
    """Hold the server to its processes and to an ordinary answer after each test."""
    before = {each.pid for each in server.processes}
    spent = server.seconds
    yield
    assert server.seconds - spent < LONGEST
    response = server.client.post("/v1/search", files={"image": ("a.jpg", small.jpeg())})
    assert response.status_code == HTTPStatus.OK
    assert {each.pid for each in server.processes} == before


def assert_refused(response: httpx.Response, *statuses: int) -> None:
    assert response.status_code in (statuses or range(400, 500)), response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["status"] == response.status_code


def raw(server: Server, *pieces: bytes) -> bytes:
    """Send bytes as they are, then no more; return what comes back until it hangs up."""
    address = (server.client.base_url.host, server.client.base_url.port or 0)
    with socket.create_connection(address, timeout=30) as connection:
        for piece in pieces:
            connection.sendall(piece)
        if b"connection: close" not in pieces[0]:
            with suppress(OSError):  # it has hung up already
                connection.shutdown(socket.SHUT_WR)
        answer = b""
        while got := connection.recv(65_536):
            answer += got
    return answer


# --- pictures ------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [name for name in SPECIMENS if name not in extent(COSTLY, [])][:: extent(2, 1)]
)
def test_each_bad_file_gets_its_answer(server: Server, name: str) -> None:
    _, code = SPECIMENS[name]

    response = server.client.post("/v1/search", files={"image": ("upload", specimen(name))})

    if code == ACCEPTED:
        assert response.status_code == HTTPStatus.OK
    else:
        assert_refused(response, status_for(BY_CODE[code]("")))
        assert response.json()["title"] == code
    assert server.memory < 2**30 + MOST_GROWTH


# --- forms ---------------------------------------------------------------------------------------

FORM = {"content-type": "multipart/form-data; boundary=b"}
PART = b'--b\r\ncontent-disposition: form-data; name="image"; filename="a.jpg"\r\n\r\n'
FORMS: dict[str, tuple[dict[str, str], bytes]] = {
    "cut in its part": (FORM, PART + b"\xff\xd8\xff"),
    "cut in a header": (FORM, PART[:40]),
    "without a boundary": ({"content-type": "multipart/form-data"}, PART),
    "with an endless boundary": (
        {"content-type": f"multipart/form-data; boundary={'b' * 5_000}"},
        PART,
    ),
    "of thousands of files": (FORM, (PART + b"x\r\n") * 5_000 + b"--b--\r\n"),
    "of thousands of fields": (
        FORM,
        b'--b\r\ncontent-disposition: form-data; name="f"\r\n\r\nx\r\n' * 5_000 + b"--b--\r\n",
    ),
    "with a giant header": (
        FORM,
        b"--b\r\ncontent-disposition: form-data; " + b"x" * 2**20 + b"\r\n\r\nx\r\n--b--\r\n",
    ),
    "of thousands of headers": (FORM, b"--b\r\n" + b"a: b\r\n" * 50_000 + b"\r\nx\r\n--b--\r\n"),
    "of nothing but boundaries": (FORM, b"--b\r\n" * 10_000),
    "within a form": (
        FORM,
        (
            b'--b\r\ncontent-disposition: form-data; name="a"; filename="a"\r\n'
            b"content-type: multipart/mixed; boundary=c\r\n\r\n--c\r\n--b--\r\n"
        ),
    ),
    "with an empty name": (
        FORM,
        b'--b\r\ncontent-disposition: form-data; name=""; filename=""\r\n\r\nx\r\n--b--\r\n',
    ),
    "in another character set": (
        {"content-type": "multipart/form-data; boundary=b; charset=utf-7"},
        PART + b"x\r\n--b--\r\n",
    ),
    "in an unknown character set": (
        {"content-type": "multipart/form-data; boundary=b; charset=nonsense"},
        b'--b\r\ncontent-disposition: form-data; name="f"\r\n\r\n\xff\r\n--b--\r\n',
    ),
    "urlencoded": ({"content-type": "application/x-www-form-urlencoded"}, b"a=1&" * 10_000),
}


@pytest.mark.parametrize("path", ["/v1/search", "/v1/search/batch", "/v1/embed"])
@pytest.mark.parametrize("name", FORMS)
def test_a_form_that_is_none_is_refused(server: Server, path: str, name: str) -> None:
    headers, body = FORMS[name]

    response = server.client.post(path, headers=headers, content=body)

    if path.endswith("batch") and response.status_code == HTTPStatus.OK:
        assert all(item["problem"] for item in response.json()["items"])
    else:
        assert_refused(response)


def test_a_picture_may_have_any_name(server: Server) -> None:
    for name in ("../../etc/passwd", "a\x00b", "\u202egpj.exe", "x" * 10_000, "%s{}", "'; --"):
        response = server.client.post("/v1/search", files={"image": (name, small.jpeg())})
        assert response.status_code in {HTTPStatus.OK, HTTPStatus.UNPROCESSABLE_ENTITY}, name


def test_a_body_that_does_not_come_is_not_waited_for(server: Server) -> None:
    head = b"POST /v1/search HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 1000\r\n"
    head += b"content-type: multipart/form-data; boundary=b\r\n\r\n"
    address = (server.client.base_url.host, server.client.base_url.port or 0)
    with socket.create_connection(address, timeout=20) as connection:
        connection.sendall(head + PART)
        answer = connection.recv(65_536)

    assert answer.startswith(b"HTTP/1.1 408 "), answer


@pytest.mark.parametrize("path", ["/console/login", "/v1/banks", "/c/banks"])
def test_no_other_body_is_waited_for_either(server: Server, path: str) -> None:
    head = f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 1000\r\n".encode()

    address = (server.client.base_url.host, server.client.base_url.port or 0)
    with socket.create_connection(address, timeout=20) as connection:
        connection.sendall(head + b"content-type: application/json\r\n\r\n{")
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))

    assert answer.startswith(b"HTTP/1.1 408 "), answer


@pytest.mark.parametrize(
    "head",
    [
        b"content-length: 10\r\ncontent-length: 20\r\n",
        b"content-length: -1\r\n",
        b"content-length: ten\r\n",
        b"content-length: 5\r\ntransfer-encoding: chunked\r\n",
        b"transfer-encoding: nonsense\r\n",
        b"x: " + b"y" * 100_000 + b"\r\n",
        b"a: b\r\n" * 20_000,
        b"a\x00b: c\r\n",
    ],
    ids=["two lengths", "negative", "no number", "two framings", "unknown", "long", "many", "nul"],
)
def test_a_head_that_makes_no_sense_ends_the_connection_or_is_refused(
    server: Server, head: bytes
) -> None:
    first = b"POST /v1/search HTTP/1.1\r\nhost: 127.0.0.1\r\n"
    try:
        answer = raw(server, first + head + b"\r\n", b"x" * 10)
    except OSError:
        return  # hung up while we were still sending
    assert not answer or answer.split()[1].startswith(b"4"), answer


def test_a_body_shorter_than_its_length_is_given_up(server: Server) -> None:
    head = b"POST /v1/search HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 1000\r\n\r\n"

    answer = raw(server, head, b"x" * 10)

    assert not answer or answer.split()[1].startswith(b"4"), answer


# --- JSON ----------------------------------------------------------------------------------------

BODIES: dict[str, bytes] = {
    "deep": b"[" * 200_000,
    "deep and closed": b"[" * 100_000 + b"]" * 100_000,
    "deep objects": b'{"vector":' * 50_000,
    "not a number": b'{"vector": [NaN], "model": "x"}',
    "infinite": b'{"vector": [Infinity, -Infinity], "model": "x"}',
    "huge exponent": json.dumps({"vector": [1], "model": "0" * 64})
    .replace("1]", "1e999]")
    .encode(),
    "huge integer": b'{"vector": [' + b"9" * 100_000 + b'], "model": "x"}',
    "large integer": b'{"vector": [' + b"9" * 400 + b'], "model": "x"}',
    "lone surrogate": b'{"vector": [1], "model": "\\ud800", "name": "\\ud800", "bank": "\\ud800"}',
    "nul": b'{"vector": [1], "model": "\\u0000", "name": "a\\u0000b", "bank": "\\u0000"}',
    "bad utf-8": b'{"name": "\xff\xfe"}',
    "utf-16": '{"colour": "x"}'.encode("utf-16"),
    "nothing": b"",
    "null": b"null",
    "a list": b"[]",
    "two": b"{} {}",
    "the same key often": b"{" + b'"name": "x", ' * 10_000 + b'"kind": "y"}',
    "many keys": json.dumps({str(n): n for n in range(50_000)}).encode(),
    "a long list": b'{"vector": [' + b"1," * 200_000 + b'1], "model": "x"}',
}
ROUTES = ("/v1/search/vector", "/v1/search/fingerprint", "/v1/banks", "/v1/decisions")


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize("name", BODIES)
def test_a_body_that_is_no_use_is_refused(server: Server, path: str, name: str) -> None:
    response = server.client.post(path, content=BODIES[name], headers=JSON)

    assert_refused(response)


def test_hundreds_of_thousands_of_names_are_refused_before_they_are_read(server: Server) -> None:
    body = b"{" + b",".join(b'"name%d":1' % n for n in range(250_000)) + b"}"
    seconds, memory = server.seconds, server.memory

    response = server.client.post("/v1/search/vector", content=body, headers=JSON)

    assert_refused(response, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    assert "values" in response.json()["detail"]
    assert server.seconds - seconds < 0.5
    assert server.memory - memory < 64 * 2**20


def test_a_vector_of_what_are_no_numbers_is_refused_for_the_first(server: Server) -> None:
    body = json.dumps({"vector": ["x"] * 16_000, "model": "0" * 64})

    response = server.client.post("/v1/search/vector", content=body, headers=JSON)

    assert_refused(response, HTTPStatus.UNPROCESSABLE_ENTITY)
    assert "more" not in response.json()["detail"]


@pytest.mark.parametrize("text", ["\x00", "a\x00b", "\ud800", "\udfff x", "\U0010ffff", "\u202e"])
def test_text_of_any_kind_is_kept_or_refused(server: Server, text: str) -> None:
    body = json.dumps({"name": "texts", "notes": text, "owner": text})

    response = server.client.post("/v1/banks", content=body, headers=JSON)

    if response.status_code != HTTPStatus.CREATED:
        assert_refused(response, HTTPStatus.UNPROCESSABLE_ENTITY)
        return
    assert server.client.delete("/v1/banks/texts").status_code == HTTPStatus.OK
    kept = text.replace("\x00", "\\x00").encode("utf-8", "backslashreplace").decode()
    assert response.json()["notes"] == kept  # what no database keeps is kept in writing


# --- paths and queries ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "target",
    [
        "/v1/images?limit=1&limit=2&limit=x",
        "/v1/images?cursor=%00",
        "/v1/images?cursor=" + "9" * 60,
        "/v1/images?created_after=0001-01-01T00:00:00%2B14:00",
        "/v1/images?created_after=9999-12-31T23:59:59-14:00",
        "/v1/images?created_after=1e400",
        "/v1/images?bank=%00",
        "/v1/images?bank=%ff%fe",
        "/v1/images?bank=%ed%a0%80",
        "/v1/images/%2e%2e%2f%2e%2e%2fetc",
        "/v1/banks/%00",
        "/v1/banks/%ff",
        "/v1/banks/" + "x" * 10_000,
        "/v1/banks/..%2f..%2fx/entries",
        "/v1/decisions?sha256=%00",
        "/v1/entries/9223372036854775808",
        "/v1/images?" + "bank=x&" * 2_000,
    ],
    ids=lambda target: target[:40],
)
def test_a_target_that_makes_no_sense_is_refused(server: Server, target: str) -> None:
    answer = raw(
        server,
        f"GET {target} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n".encode(),
    )

    status = int(answer.split()[1])
    assert HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR, answer[:500]


def test_all_parameters_at_once_and_often(server: Server) -> None:
    parameters: list[tuple[str, Any]] = [("bank", f"b{n}") for n in range(1000)]
    parameters += [("tier", "exact")] * 1000

    response = server.client.post("/v1/search", files={"image": small.jpeg()}, params=parameters)

    assert_refused(response, HTTPStatus.NOT_FOUND)
