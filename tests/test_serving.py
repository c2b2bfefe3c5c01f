import hashlib
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from http import HTTPStatus
from pathlib import Path
from time import monotonic

import httpx
import psutil
import pytest
from PIL import Image

from support import pictures
from support.commands import PHOTOS, Index
from support.extent import extent
from support.running import Running, running, running_cold, until

KNOWN = ("hedgehog.jpg", "bee.jpg", "crab.jpg", "koala.jpg", "swans.jpg", "moose.jpg")
WAITING = 3
PLACES = 1 + WAITING
QUICK = 1.0  # seconds; the time itself is measured by benchmarks/soak.py, on a quiet machine


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    """Index a few photos in one bank; a server on it has one thread and a small waiting room."""
    index = Index(
        tmp_path_factory.mktemp("home"),
        extra={
            "LOOKALIKE_SERVE_THREADS": "1",
            "LOOKALIKE_SERVE_MAX_WAITING": str(WAITING),
            "LOOKALIKE_SERVE_BODY_TIMEOUT": "60",
            "LOOKALIKE_SERVE_QUEUE_TIMEOUT": "1",
        },
    )
    index.run_here("init")
    index.run_here("index", "add", *(PHOTOS / name for name in KNOWN), "--bank", "known")
    return index


@pytest.fixture(scope="module")
def server(index: Index) -> Iterator[Running]:
    with running_cold(index) as server:
        yield server


def begun_upload(server: Running, length: int = 1_000_000) -> socket.socket:
    """Send the head of a request with a picture, and the first of its bytes."""
    url = httpx.URL(server.url)
    connection = socket.create_connection((url.host, url.port or 0))
    connection.sendall(
        f"POST /v1/search HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: {length}\r\n"
        "content-type: multipart/form-data; boundary=b\r\n\r\n--b\r\n".encode()
    )
    return connection


def answer_of(connection: socket.socket) -> tuple[int, bytes]:
    """Read one answer, and leave the connection as it is."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    while len(body) < length:
        body += connection.recv(65536)
    return int(head.split()[1]), body


def is_judged_right(response: httpx.Response, name: str, data: bytes) -> bool:
    verdict = response.json()
    return (
        verdict["query"] == name
        and verdict["sha256"] == hashlib.sha256(data).hexdigest()
        and verdict["tier"] == "exact"
        and Path(verdict["matches"][0]["source"]).name == name
    )


@contextmanager
def full(server: Running) -> Iterator[None]:
    """Keep all places taken by pictures that take long."""
    with Image.open(PHOTOS / KNOWN[0]) as photo:
        large = pictures.encode(photo.resize((4000, 4000)), "PNG", compress_level=1)
    done = threading.Event()

    def keep_asking() -> None:
        while not done.is_set():
            server.search(large)

    with ThreadPoolExecutor(2 * PLACES) as pool:
        for _ in range(2 * PLACES):
            pool.submit(keep_asking)
        try:
            yield
        finally:
            done.set()


def test_a_request_without_a_place_is_turned_away_at_once_and_unread(server: Running) -> None:
    times = []
    with full(server):

        def is_turned_away() -> bool:
            with closing(begun_upload(server)) as connection:
                begun = monotonic()
                connection.settimeout(QUICK)
                try:
                    status, body = answer_of(connection)
                except TimeoutError:
                    return False  # it was let in, and waits for the rest
                times.append(monotonic() - begun)
                assert status == HTTPStatus.SERVICE_UNAVAILABLE
                assert b'"urn:lookalike:overloaded"' in body
                return True

        until(lambda: is_turned_away() and len(times) >= 9)

        assert server.get("/healthz").status_code == HTTPStatus.OK
        assert server.get("/v1/decisions").status_code == HTTPStatus.OK  # waits for no picture


def test_uploads_that_do_not_arrive_keep_nobody_out(server: Running) -> None:
    data = (PHOTOS / KNOWN[0]).read_bytes()
    with ExitStack() as uploads:
        for _ in range(70):
            uploads.enter_context(closing(begun_upload(server)))
        assert is_judged_right(server.search(data, KNOWN[0]), KNOWN[0], data)

    until(lambda: server.search(data).status_code == HTTPStatus.OK)  # they have hung up


@pytest.mark.long
@pytest.mark.slow
def test_a_picture_that_does_not_arrive_is_not_waited_for(server: Running) -> None:
    begun = monotonic()
    with closing(begun_upload(server)) as connection:
        status, body = answer_of(connection)

    assert status == HTTPStatus.REQUEST_TIMEOUT
    assert b'"urn:lookalike:slow_upload"' in body
    assert 4 < monotonic() - begun < 50  # sooner than the time for bodies: not a byte came


def test_under_overload_whatever_is_answered_is_right(server: Running) -> None:
    contents = {name: (PHOTOS / name).read_bytes() for name in KNOWN}

    def ask(name: str) -> str:
        response = server.search(contents[name], name)
        if response.status_code == HTTPStatus.OK:
            assert is_judged_right(response, name, contents[name])
            return "answered"
        assert response.status_code == HTTPStatus.SERVICE_UNAVAILABLE, response.text
        title: str = response.json()["title"]
        return title

    with ThreadPoolExecutor(16) as pool:
        outcomes = list(pool.map(ask, KNOWN * 12))

    assert {"answered", "overloaded"} <= {*outcomes} <= {"answered", "overloaded", "timed_out"}


@pytest.mark.long
def test_who_would_wait_too_long_is_told_so(server: Running) -> None:
    with Image.open(PHOTOS / KNOWN[0]) as photo:
        large = pictures.encode(photo.resize((5000, 5000)), "PNG", compress_level=1)

    with ThreadPoolExecutor(PLACES) as pool:
        answers = list(pool.map(lambda _: server.search(large), range(PLACES)))

    assert {answer.status_code for answer in answers} == {
        HTTPStatus.OK,
        HTTPStatus.SERVICE_UNAVAILABLE,
    }
    late = [a for a in answers if a.status_code == HTTPStatus.SERVICE_UNAVAILABLE]
    titles = {answer.json()["title"] for answer in late}
    assert titles <= {"timed_out", "overloaded"}  # by how far apart they arrive


def test_clients_that_hang_up_take_nothing_with_them(server: Running) -> None:
    data = (PHOTOS / KNOWN[0]).read_bytes()
    body = b'--b\r\ncontent-disposition: form-data; name="i"; filename="i"\r\n\r\n' + data
    body += b"\r\n--b--\r\n"
    for _ in range(20):
        with closing(begun_upload(server, 5 + len(body))) as connection:
            connection.sendall(body)

    until(lambda: server.search(data).status_code == HTTPStatus.OK)


def test_a_busy_server_has_no_more_threads_than_it_needs(server: Running) -> None:
    process = psutil.Process(server.pid)
    data = (PHOTOS / KNOWN[0]).read_bytes()
    most = 0

    def ask(number: int) -> None:
        nonlocal most
        server.get("/v1/decisions") if number % 2 else server.search(data)
        most = max(most, process.num_threads())

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(ask, range(60)))

    # the loop; one for pictures, four for reading, two for writing; log, hits, gauges, audit, keys,
    # pictures of reviews; and what libraries keep: none has one for each core
    assert most <= 24


def test_answers_of_two_workers_are_not_mixed_up(index: Index) -> None:
    roomy = Index(index.home, extra={"LOOKALIKE_SERVE_QUEUE_TIMEOUT": "60"})
    contents = {name: (PHOTOS / name).read_bytes() for name in KNOWN}

    def ask(name: str) -> bool:
        return is_judged_right(server.search(contents[name], name), name, contents[name])

    with running(roomy, "--workers", 2) as server, ThreadPoolExecutor(8) as pool:
        until(lambda: server.log.count("worker ready") == 2)
        assert all(pool.map(ask, KNOWN * extent(3, 10)))


def test_an_index_that_workers_cannot_open_is_named_once(tmp_path: Path) -> None:
    index = Index(tmp_path, extra={"LOOKALIKE_SERVE_PORT": "0"})

    done = index.run("serve", "--workers", 2, code=4)

    assert done.stderr.count("`lookalike init`") == 1
